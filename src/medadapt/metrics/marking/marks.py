"""What each model earned on each test record, as columns that add up over records.

Every metric of this folder is a function of such sums (`values.py`). A resample of the test set is then a
weighted sum of the same columns, so that the value and its interval come from the same code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from medadapt.core.errors import DataError, DivergedError, ModelError
from medadapt.core.records import LETTERS, Record, Task
from medadapt.core.results import Prediction

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Tallies = dict[str, FloatArray]
"""Columns by name: (n,) a sum or count a record, (n, L) one column for each of L labels. Summed over
records, or over resamples, the first axis is that of the sums."""

GRID = 2.0**30
"""Log-likelihoods and likenesses are rounded to multiples of 1/GRID (1e-9). Their sums are then exact in float64
in whatever order a machine adds them, and the same predictions give the same metrics everywhere."""


def check_pairing(
    test: Sequence[Record], baseline: Sequence[Prediction], tuned: Sequence[Prediction]
) -> None:
    """Refuse predictions that are not of the same records, in the same order, under the same prompts and references."""
    if not test:
        raise DataError(
            "There are no test records, so nothing can be measured.",
            "at least one test record",
            "Give `data.split.test` a share above 0 and prepare again.",
        )
    for name, predictions in (("baseline", baseline), ("tuned", tuned)):
        check_rows(name, test, predictions)
    for line, (first, second) in enumerate(zip(baseline, tuned, strict=True), 1):
        if first.prompt_sha256 != second.prompt_sha256:
            raise _unpaired(
                f"tuned.jsonl, line {line}: of record {first.id} the two models saw different prompts"
            )
        if (first.num_tokens, first.num_bytes) != (second.num_tokens, second.num_bytes):
            raise _unpaired(
                f"tuned.jsonl, line {line}: the reference answer of record {first.id} has {second.num_tokens} tokens "
                f"and {second.num_bytes} bytes, but {first.num_tokens} and {first.num_bytes} in baseline.jsonl"
            )


def check_rows(name: str, records: Sequence[Record], predictions: Sequence[Prediction]) -> None:
    """Refuse predictions that are not of these records, in their order; `name` is that of their file."""
    found = [prediction.id for prediction in predictions]
    if fault := _mismatch([record.id for record in records], found):
        raise _unpaired(f"{name}.jsonl {fault}")
    for line, (record, prediction) in enumerate(zip(records, predictions, strict=True), 1):
        letters = LETTERS[: len(record.options or [])]
        if letters and (
            unknown := sorted({*(prediction.scores or {}), *_read(prediction)}.difference(letters))
        ):
            raise _unpaired(
                f"{name}.jsonl, line {line}: record {record.id} has options {', '.join(letters)}, but the "
                f"prediction knows of {', '.join(unknown)}"
            )


def _mismatch(wanted: Sequence[str], found: Sequence[str]) -> str | None:
    """Where predictions of the records `found` are not those of `wanted`, in words; lines count from 1."""
    if found == wanted:
        return None
    if not found:
        return f"is empty, but the test set has {len(wanted)} records"
    if not {*found}.intersection(wanted):
        return f"is of another test set: it holds none of these {len(wanted)} test records"
    if found == wanted[: len(found)]:
        return f"ends after line {len(found)}, but the test set has {len(wanted)} records"
    if wanted == found[: len(wanted)]:
        return f"goes on after line {len(wanted)}, where the test set ends"
    line = next(line for line, (one, other) in enumerate(zip(wanted, found, strict=False), 1) if one != other)
    order = " (the same records in another order)" if sorted(found) == sorted(wanted) else ""
    return f"has record {found[line - 1]} in line {line}, where the test set has {wanted[line - 1]}{order}"


def _read(prediction: Prediction) -> set[str]:
    return set() if prediction.parsed is None else {prediction.parsed}


def _unpaired(fault: str) -> DataError:
    return DataError(
        f"The predictions do not belong to the test records: 4-predictions/{fault}.",
        "one prediction for each test record, in the same order and with one prompt for both models",
        "Run `medadapt predict` with the run folder: it makes predictions anew that were changed.",
    )


def truths(task: Task, records: Sequence[Record]) -> list[str] | None:
    """The right decision on each record: its label, or its right option's letter; None for open tasks."""
    if task == "qa":
        return None
    return [_truth(task, record) for record in records]


def _truth(task: Task, record: Record) -> str:
    if task == "diagnosis" and record.label is not None:
        return record.label
    if task == "multiple_choice" and record.answer_index is not None:
        return LETTERS[record.answer_index]
    missing = "label" if task == "diagnosis" else "answer_index"
    raise DataError(
        f"Record {record.id} has no `{missing}`.",
        f"a `{missing}` in every record of task {task}",
        "Run the prepare stage again.",
    )


def mark_decisions(
    right_answers: Sequence[str], decisions: Sequence[str | None], labels: Sequence[str]
) -> Tallies:
    """Columns of 0/1 decisions: n records and the L labels of `labels`. No decision counts as wrong.

    Returns `records` and `right` (n,), `truth`, `chosen` and `hits` (n, L): the label is the true one, the
    chosen one, both. A chosen label outside `labels` is in no column of `chosen`.
    """
    column = {label: place for place, label in enumerate(labels)}
    shape = (len(right_answers), len(labels))
    truth, chosen = np.zeros(shape), np.zeros(shape)
    for row, (answer, decision) in enumerate(zip(right_answers, decisions, strict=True)):
        if answer in column:
            truth[row, column[answer]] = 1
        if decision is not None and decision in column:
            chosen[row, column[decision]] = 1
    right = [float(a == d) for a, d in zip(right_answers, decisions, strict=True)]
    return {
        "records": np.ones(len(right_answers)),
        "right": np.array(right),
        "truth": truth,
        "chosen": chosen,
        "hits": truth * chosen,
    }


def mark_texts(right_answers: Sequence[str], predictions: Sequence[Prediction]) -> Tallies:
    """The column `right_generated` (n,): the answer read from the written text is the right one.

    A text from which nothing could be read is wrong. Empty where no prediction holds a text.
    """
    if all(prediction.text is None for prediction in predictions):
        return {}
    pairs = zip(right_answers, predictions, strict=True)
    return {"right_generated": np.array([float(p.parsed == answer) for answer, p in pairs])}


def mark_likelihoods(predictions: Sequence[Prediction]) -> Tallies:
    """Columns `nll` (nats), `tokens` and `bytes` (n,) of the reference answers.

    Empty where a prediction has no likelihood, because a mean over the others would hide it. Raises
    ModelError (baseline) or DivergedError (tuned) when a log-likelihood is not a finite number.
    """
    for prediction in predictions:
        _check_finite(prediction)
    if any(p.nll is None or p.num_tokens is None or p.num_bytes is None for p in predictions):
        return {}
    return {
        "nll": on_grid([p.nll for p in predictions]),
        "tokens": np.array([p.num_tokens for p in predictions], dtype=np.float64),
        "bytes": np.array([p.num_bytes for p in predictions], dtype=np.float64),
    }


def on_grid(values: Sequence[float | None]) -> FloatArray:
    """Numbers rounded to the grid on which sums are exact; None is no number."""
    return np.asarray(np.round(np.array(values, dtype=np.float64) * GRID) / GRID)


def _check_finite(prediction: Prediction) -> None:
    named = {"reference answer": prediction.nll, **(prediction.scores or {})}
    for name, nats in named.items():
        if nats is not None and not math.isfinite(nats):
            error = ModelError if prediction.model == "baseline" else DivergedError
            raise error(
                f"Record {prediction.id}: the {prediction.model} log-likelihood of '{name}' is {nats}.",
                "a finite number",
                "Try `model.precision: fp32`, or a lower `training.learning_rate` if only `tuned` fails.",
            )
