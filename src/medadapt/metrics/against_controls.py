"""The controls' scores, and the tuned model against the best of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from medadapt.metrics.controls import CONTROLS
from medadapt.metrics.entrants import Entrants, estimates_of
from medadapt.metrics.estimates import NO_COLUMN
from medadapt.metrics.paired import Pair, difference


def control_scores(entrants: Entrants, metrics: Sequence[str]) -> dict[str, Any]:
    """Estimates by control and metric, with the metrics of the models; null where a control has none."""
    missing = {
        **NO_COLUMN,
        "nll": "a control gives no likelihood",
        "right_generated": "a control writes no text",
    }
    if reason := _no_control(entrants):
        missing = dict.fromkeys(NO_COLUMN, reason)
    return {name: estimates_of(name, entrants, metrics=metrics, missing=missing) for name in CONTROLS}


def against_best_control(entrants: Entrants) -> dict[str, Any]:
    """The accuracy of the tuned model minus that of the most accurate control, on the same records."""
    if reason := _no_control(entrants):
        unknown = dict.fromkeys(("name", "value", "low", "high", "p", "test"))
        return {**unknown, "verdict": "not shown", "reason": reason}
    best = max(CONTROLS, key=lambda name: float(entrants.tallies[name]["right"].mean()))
    pair = Pair(
        first=entrants.tallies[best],
        second=entrants.tallies["tuned"],
        first_resampled=entrants.resampled[best],
        second_resampled=entrants.resampled["tuned"],
        flipped={},
        plan=entrants.plan,
        alpha=entrants.alpha,
    )
    return {"name": best, **asdict(difference("accuracy", pair))}


def _no_control(entrants: Entrants) -> str | None:
    if entrants.task == "qa":
        return "open answers are not compared with controls yet"
    if not set(CONTROLS) <= entrants.tallies.keys():
        return "there are no training records for a control to answer from"
    return None
