"""How far the adapter moved the model at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.results import NO_EFFECT_NATS, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What differs between the baseline's and the tuned model's predictions."""

    decisions_changed: int
    """Records whose chosen label or letter, or the one read from the written answer, is another; of an open
    question, whose written answer is another."""
    largest_shift_nats: float | None
    """Largest change of the log-likelihood of a label, option or reference answer, of those that both models scored;
    None where unknown."""


def effect(baseline: Sequence[Prediction], tuned: Sequence[Prediction]) -> Effect:
    """Compare predictions record by record. Raises DataError when the models scored different labels."""
    changed, largest = 0, None
    for before, after in zip(baseline, tuned, strict=True):
        changed += _decision(before) != _decision(after)
        for shift in _shifts(before, after):
            largest = shift if largest is None else max(largest, shift)
    return Effect(decisions_changed=changed, largest_shift_nats=largest)


def has_effect(moved: Mapping[str, Any]) -> bool:
    """Whether a decision changed, or a log-likelihood moved by more than rounding, or nothing is known of it.

    `moved` is an `Effect` as plain data, as it stands in metrics.json.
    """
    shift = moved["largest_shift_nats"]
    return bool(moved["decisions_changed"]) or shift is None or shift > NO_EFFECT_NATS


def _decision(prediction: Prediction) -> tuple[str | None, ...]:
    closed = prediction.scores is not None
    return (prediction.choice, prediction.parsed, None if closed else prediction.text)


def _shifts(before: Prediction, after: Prediction) -> list[float]:
    first, second = before.scores or {}, after.scores or {}
    if not (before.only_best or after.only_best) and first.keys() != second.keys():
        raise DataError(
            f"Record {before.id}: the baseline and the tuned model scored different labels or options.",
            "the same labels or options for both models",
            "Run the predict stage again.",
        )
    shifts = [abs(second[name] - first[name]) for name in first if name in second]
    if before.nll is not None and after.nll is not None:
        shifts.append(abs(after.nll - before.nll))
    return shifts
