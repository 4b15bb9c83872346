"""The controls' scores, and the tuned model against the best of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from medadapt.core.records import Task
from medadapt.core.results import Difference
from medadapt.metrics.controls.rules import CONTROLS, NO_TRAINING, RULES
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
"""By which metric the tuned model and the controls are held against each other, unless `WRITTEN` is the primary."""
WRITTEN = "accuracy_generated"
"""A model whose verdict rests on what it wrote is held against the controls by what it wrote."""

NEVER = {"nll": "this control gives no likelihood"}
"""What no rule has, by first column, and why."""
NOT_EMBEDDED = {"similarity": "only what the models wrote is embedded"}


def control_scores(entrants: Entrants, metrics: Sequence[str]) -> dict[str, Any]:
    """Estimates by control and metric, with the metrics of the models; null where a control has none."""
    return {
        name: estimates_of(name, entrants, metrics=metrics, missing=_missing(name, entrants))
        for name in CONTROLS
    }


def against_best_control(entrants: Entrants) -> dict[str, Any]:
    """The tuned model minus the best control, on the same records, by the metric of `COMPARED` or `WRITTEN`.

    Among equals the first of `CONTROLS`. Taking the best after seeing them all makes `better` harder to reach and
    `worse` easier, so a difference below 0 has its p multiplied by their number (`p_adjusted`, Bonferroni).
    """
    metric = WRITTEN if entrants.primary == WRITTEN else COMPARED[entrants.task]
    (column, *_), _ = METRICS[metric]
    answering = [name for name in CONTROLS if column in entrants.tallies.get(name, {})]
    if reason := _no_comparison(entrants, column, answering):
        return {"name": None, "metric": metric, **_unknown(reason)}
    best = max(answering, key=lambda name: float(entrants.tallies[name][column].mean()))
    found = minus(best, "tuned", metric, entrants)
    if found["p"] is not None and found["value"] < 0:
        found["p_adjusted"] = min(1.0, found["p"] * len(answering))
        if found["p_adjusted"] >= entrants.alpha:
            found["verdict"] = "not shown"
    return {"name": best, "metric": metric, **found}


def against_few_shot(entrants: Entrants, metric: str) -> dict[str, Any]:
    """The tuned model minus the base with examples in its prompt, on the same records, by the primary metric.

    A tuned model that beats only a base without examples may have learned no more than the form of an answer.
    """
    columns, _ = METRICS[metric]
    if reason := entrants.absent.get("few_shot"):
        return {"metric": metric, **_unknown(reason)}
    if not all(entrants.tallies[name].keys() >= {*columns} for name in ("few_shot", "tuned")):
        return {"metric": metric, **_unknown("not computed for both models")}
    return {"metric": metric, **minus("few_shot", "tuned", metric, entrants)}


def minus(one: str, other: str, metric: str, entrants: Entrants) -> dict[str, Any]:
    """The entrant `other` minus `one` on the same records, by one metric; a `Difference` as plain data."""
    first, second = (_columns_of(metric, entrants.tallies[name]) for name in (one, other))
    pair = Pair(
        first=first,
        second=second,
        first_resampled=entrants.resampled[one],
        second_resampled=entrants.resampled[other],
        flipped={} if metric in ZERO_ONE else flipped_differences(first, second, entrants.plan),
        plan=entrants.plan,
        alpha=entrants.alpha,
        primary=entrants.primary,
    )
    return asdict(difference(metric, pair))


def _unknown(reason: str) -> dict[str, Any]:
    nothing = dict.fromkeys(field.name for field in fields(Difference))
    return {**nothing, "verdict": "not shown", "reason": reason}


def _columns_of(metric: str, tallies: Tallies) -> Tallies:
    columns, _ = METRICS[metric]
    return {name: tallies[name] for name in columns}


def _no_comparison(entrants: Entrants, column: str, answering: Sequence[str]) -> str | None:
    if column not in entrants.tallies["tuned"]:
        return (
            "the tuned model wrote no answers to hold against those of a control (evaluation.method: generate "
            "lets both models write)"
        )
    return None if answering else NO_TRAINING


def _missing(name: str, entrants: Entrants) -> dict[str, str]:
    """Why a control lacks a metric, by the metric's first column."""
    reasons = {**NO_COLUMN, **NOT_EMBEDDED}
    if name not in entrants.tallies:
        reasons = {**dict.fromkeys(NO_COLUMN, entrants.absent[name]), **NOT_EMBEDDED}
    return {**reasons, **NEVER} if name in RULES else reasons
