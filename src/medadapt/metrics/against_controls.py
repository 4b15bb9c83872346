"""The controls' scores, and the tuned model against the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from medadapt.core.records import Task
from medadapt.metrics.controls.simple import CONTROLS
from medadapt.metrics.entrants import Entrants, estimates_of
from medadapt.metrics.marking.marks import Tallies
from medadapt.metrics.marking.values import METRICS, ZERO_ONE
from medadapt.metrics.statistics.estimates import NO_COLUMN
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import flipped_differences

COMPARED: Mapping[Task, str] = {
    "diagnosis": "accuracy",
    "multiple_choice": "accuracy",
    "qa": "token_f1",
}
"""By which metric the tuned model and the controls are held against each other."""

NEVER = {
    "nll": "a control gives no likelihood",
    "right_generated": "a control writes no text",
    "similarity": "only what the models wrote is embedded",
}
"""What no control has, by first column, and why."""


def control_scores(entrants: Entrants, metrics: Sequence[str]) -> dict[str, Any]:
    """Estimates by control and metric, with the metrics of the models; null where a control has none."""
    return {
        name: estimates_of(name, entrants, metrics=metrics, missing=_missing(name, entrants))
        for name in CONTROLS
    }


def against_best_control(entrants: Entrants) -> dict[str, Any]:
    """The tuned model minus the best control, on the same records, by the metric of `COMPARED`."""
    metric = COMPARED[entrants.task]
    (column, *_), _ = METRICS[metric]
    if reason := _no_comparison(entrants, column):
        unknown = dict.fromkeys(("value", "low", "high", "p", "test"))
        return {"name": None, "metric": metric, **unknown, "verdict": "not shown", "reason": reason}
    answering = [name for name in CONTROLS if name in entrants.tallies]
    best = max(answering, key=lambda name: float(entrants.tallies[name][column].mean()))
    first, second = (_columns_of(metric, entrants.tallies[name]) for name in (best, "tuned"))
    pair = Pair(
        first=first,
        second=second,
        first_resampled=entrants.resampled[best],
        second_resampled=entrants.resampled["tuned"],
        flipped={} if metric in ZERO_ONE else flipped_differences(first, second, entrants.plan),
        plan=entrants.plan,
        alpha=entrants.alpha,
    )
    return {"name": best, "metric": metric, **asdict(difference(metric, pair))}


def _columns_of(metric: str, tallies: Tallies) -> Tallies:
    columns, _ = METRICS[metric]
    return {name: tallies[name] for name in columns}


def _no_comparison(entrants: Entrants, column: str) -> str | None:
    if column not in entrants.tallies["tuned"]:
        return (
            "the tuned model wrote no answers to hold against those of a control (evaluation.method: generate "
            "lets both models write)"
        )
    if not entrants.tallies.keys() & {*CONTROLS}:
        return "there are no training records for a control to answer from"
    return None


def _missing(name: str, entrants: Entrants) -> dict[str, str]:
    """Why a control lacks a metric, by the metric's first column."""
    if name in entrants.tallies:
        return {**NO_COLUMN, **NEVER}
    if entrants.tallies.keys() & {*CONTROLS}:
        reason = "no training answer stands twice, so none is the most frequent"
    else:
        reason = "there are no training records for a control to answer from"
    return {**dict.fromkeys(NO_COLUMN, reason), **NEVER}
