"""A made-up multiple-choice run with a leak, whose gain is not shown."""

from __future__ import annotations

from typing import Any

import numpy as np
from made_parts import (
    around,
    change,
    closed_prediction,
    data_of,
    examples_of,
    metrics_of,
    recipe_of,
    run_of,
    steps,
    wilson,
)

from medadapt.core.records import LETTERS, Record
from medadapt.core.results import Prediction
from medadapt.report.inputs import ReportInputs

SUBJECTS = ("Anatomy", "Pharmacology", "Medicine")


def choices() -> ReportInputs:
    n = 120
    rng = np.random.default_rng(2)
    test: list[Record] = []
    models: dict[str, list[Prediction]] = {"baseline": [], "tuned": []}
    for i in range(n):
        options = [f"Option text {letter} of question {i}" for letter in "ABCD"]
        index = int(rng.integers(4))
        record = Record(
            id=f"m{i}",
            source_row=i + 1,
            group=f"g{i}",
            question=f"Which of these structures lies next to structure {i} in the adult?",
            answer=options[index],
            options=options,
            answer_index=index,
            subject=SUBJECTS[i % 3],
        )
        test.append(record)
        for model, skill in (("baseline", 0.3), ("tuned", 0.28)):
            models[model].append(
                closed_prediction(
                    record.id, model, [*"ABCD"], LETTERS[index], skill, rng, question=record.question, boost=3
                )
            )
    data = data_of(
        "multiple_choice",
        "multiple_choice",
        "medmcqa_validation.jsonl",
        {"train": 960, "validation": 120, "test": n},
        {"bad_options": 3},
    )
    prompt = "Question: Which nerve supplies the diaphragm?\nChoices:\nA. Vagus\nB. Phrenic\nAnswer:"
    return ReportInputs(
        recipe=recipe_of("exam", "multiple_choice", "medmcqa_validation.jsonl"),
        run=run_of("exam"),
        data=data,
        examples=examples_of(prompt, " B"),
        steps=steps(60, 1.6, 1.3, 20),
        test=test,
        baseline=models["baseline"],
        tuned=models["tuned"],
        metrics=choice_metrics(test, models),
        prompts={},
    )


def choice_metrics(test: list[Record], models: dict[str, list[Prediction]]) -> dict[str, Any]:
    n = len(test)
    metrics = metrics_of("multiple_choice", n, "accuracy")
    for model, predictions in models.items():
        right = sum(p.choice == LETTERS[r.answer_index or 0] for p, r in zip(predictions, test, strict=True))
        metrics[model] = {"accuracy": wilson(right, n), "loss": around(1.4, 0.1, n)}
    gain = metrics["tuned"]["accuracy"]["value"] - metrics["baseline"]["accuracy"]["value"]
    metrics["difference"] = {
        "accuracy": change(gain, 0.11, 0.63, "mcnemar-exact", "not shown"),
        "loss": change(0.002, 0.05, 0.9, "paired-bootstrap", "not shown"),
    }
    metrics["controls"] = {
        "majority": {"accuracy": wilson(34, n)},
        "nearest_neighbour": {"accuracy": wilson(31, n)},
    }
    metrics["against_control"] = {
        "name": "majority",
        "value": 0.05,
        "low": -0.07,
        "high": 0.17,
        "p": 0.4,
        "verdict": "not shown",
    }
    metrics["leakage"] = {
        "exact": 2,
        "near": 3,
        "threshold": 0.8,
        "gated": ["exact", "near"],
        "examples": [{"test": "m3", "seen": "m999", "exact": True}],
    }
    metrics["findings"] = [
        {
            "kind": "leak",
            "exit_code": 3,
            "problem": "2 test records also occur in train or validation.",
            "remedy": "Split by group, or set data.allow_leak: true.",
        }
    ]
    metrics["groups"] = {
        "subject": {s: {"n": 40, "baseline": wilson(14, 40), "tuned": wilson(15, 40)} for s in SUBJECTS}
    }
    metrics["confusion"] = {
        "labels": list("ABCD"),
        "baseline": [[8, 7, 7, 8]] * 4,
        "tuned": [[9, 7, 7, 7]] * 4,
    }
    return metrics
