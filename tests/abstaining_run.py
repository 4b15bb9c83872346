"""A copy of a finished run with validation records and predictions made by hand."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

from medadapt.core.files import read_json, write_jsonl
from medadapt.core.records import Record, write_records
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.predictions.scoring import probabilities


def with_validation(
    run: Path, copy: Path, *, right_above: float, n: int = 200, boldness: float = 1.0
) -> Path:
    """The copy. Its n validation records have confidences from 0 to 1, and are right from `right_above` on.

    A `boldness` above 1 spreads the scores by as much, which a temperature as much larger undoes.
    """
    shutil.copytree(run, copy)
    labels = sorted(read_json(run / "1-records" / "data.json")["labels"])
    records, predictions = [], []
    for place in range(n):
        share = (place + 0.5) / n
        rest = (1 - share) / (len(labels) - 1)
        scores = {label: boldness * math.log(share if label == labels[0] else rest) for label in labels}
        choice = max(scores, key=scores.__getitem__)
        wrong = next(label for label in labels if label != choice)
        truth = choice if share >= right_above else wrong
        name = f"validation-{place}"
        records.append(
            Record(
                id=name, source_row=place + 1, group=name, question=f"sign {place}", answer=truth, label=truth
            )
        )
        predictions.append(
            Prediction(
                id=name,
                model="tuned",
                prompt_sha256="made by hand",
                choice=choice,
                scores=scores,
                probabilities=probabilities(scores),
            )
        )
    write_records(copy / "1-records" / "validation.jsonl", records)
    for model in MODEL_NAMES:
        rows = [replace(prediction, model=model) for prediction in predictions]
        write_jsonl(copy / "4-predictions" / f"validation.{model}.jsonl", rows)
    return copy
