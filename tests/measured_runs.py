"""Run folders with test records and predictions of our choosing, measured by the score stage itself."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from medadapt.core.files import write_jsonl
from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.records import Record, write_records
from medadapt.core.results import Prediction
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outcome import run as run_stages
from medadapt.workflow.outputs import outputs_of
from medadapt.workflow.request import RunRequest
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state, write_state

LABELS = ("Cold", "Flu")


def diagnoses(labels: Sequence[str], *, groups: Sequence[str] | None = None, start: int = 0) -> list[Record]:
    """Records of a symptom table with the given labels; a group each unless `groups` are given."""
    return [
        Record(
            id=f"t{number:04d}",
            source_row=number + 1,
            group=groups[number - start] if groups else f"g{number}",
            question=f"symptom {number}",
            answer=label,
            label=label,
        )
        for number, label in enumerate(labels, start)
    ]


def predicted(
    records: Sequence[Record], choices: Sequence[str], *, model: str, labels: Sequence[str] = LABELS
) -> list[Prediction]:
    """Predictions with the given choices, as the predict stage would write them."""
    rows = []
    for number, (record, choice) in enumerate(zip(records, choices, strict=True)):
        scores = {label: -1.0 if label == choice else -3.0 for label in labels}
        rest = (1 - 0.9) / max(len(labels) - 1, 1)
        shares = {label: 0.9 if label == choice else rest for label in labels} if len(labels) > 1 else None
        rows.append(
            Prediction(
                id=record.id,
                model=model,
                prompt_sha256=f"sha of {record.id}",
                choice=choice,
                scores=scores,
                probabilities=shares or {choice: 1.0},
                nll=(2.0 if choice == record.label else 4.0) + number % 3 / 10,
                num_tokens=2,
                num_bytes=len(record.answer),
            )
        )
    return rows


def write_measured(
    run: Path, records: Sequence[Record], baseline: Sequence[Prediction], tuned: Sequence[Prediction]
) -> None:
    """Put test records and predictions into a run folder, as if its own stages had made them."""
    write_records(run / "1-records" / "test.jsonl", records)
    for further in (run / "4-predictions").glob("*.*.jsonl"):
        further.unlink()
    for name, rows in (("baseline", baseline), ("tuned", tuned)):
        own = [replace(row, model=name) for row in rows]
        write_jsonl(run / "4-predictions" / f"{name}.jsonl", own)
    mark_as_made(run)


def mark_as_made(run: Path) -> None:
    """Note the records and predictions that lie in a run folder as what its stages left there."""
    folder = RunFolder(run)
    state = read_state(folder)
    assert state is not None
    for stage in STAGES:
        if stage.name in {"prepare", "predict"}:
            made = replace(state.stages[stage.name], outputs=outputs_of(stage, folder) or {})
            state = state.with_stage(stage.name, made)
    write_state(folder, state)


def measured_run(
    source: Path,
    folder: Path,
    records: Sequence[Record],
    *,
    baseline: Sequence[str],
    tuned: Sequence[str],
    overrides: Sequence[str] = (),
) -> Path:
    """A copy of a finished run with these test records and these choices of both models, scored anew."""
    shutil.copytree(source, folder)
    write_measured(
        folder,
        records,
        predicted(records, baseline, model="baseline"),
        predicted(records, tuned, model="tuned"),
    )
    score_again(folder, *overrides)
    return folder


def score_again(folder: Path, *overrides: str) -> None:
    """Bring 5-metrics up to date with what lies in the folder."""
    recipe = read_recipe(folder / "recipe.yaml", overrides)
    run_stages(RunRequest(recipe=recipe, folder=folder, first="score", last="score"), Silent())
