"""The block `calibration` of metrics.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medadapt.core.records import Record, Task
from medadapt.core.results import Estimate, Prediction
from medadapt.metrics.calibration.beliefs import Beliefs, beliefs_of, has_scores
from medadapt.metrics.calibration.errors import error_if_calibrated
from medadapt.metrics.calibration.judged import Judged, judge
from medadapt.metrics.calibration.judged_estimates import judged_estimates
from medadapt.metrics.calibration.proper_scores import brier_parts
from medadapt.metrics.calibration.reliability import reliability
from medadapt.metrics.calibration.risk_coverage import accuracy_at, curve, surest_first
from medadapt.metrics.calibration.temperature import Temperature, fit_temperature
from medadapt.metrics.calibration.thresholds import choose_threshold
from medadapt.metrics.marking.marks import IntArray
from medadapt.metrics.statistics.intervals import wilson
from medadapt.metrics.statistics.resampling import Plan

FEW = 300
"""Fewer test records make a poor picture of calibration."""
RISKS = (0.05, 0.1, 0.2)
MOST_WRONG = 20
OPEN = "an open question has no closed set of answers to give probabilities to"
NO_SCORES = "the predictions hold no scores of the answers"
ONLY_BEST = (
    "only the best labels were looked for, so no probability is known (evaluation.score_choices: best)"
)
NO_VALIDATION = "there are no predictions of validation records"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The validation records and what each model said of them; empty where nobody asked."""

    records: Sequence[Record] = ()
    predictions: Mapping[str, Sequence[Prediction]] | None = None


def calibration(
    task: Task,
    test: Sequence[Record],
    predictions: Mapping[str, Sequence[Prediction]],
    validation: Validation,
    *,
    plan: Plan,
    alpha: float,
) -> dict[str, Any]:
    """Calibration and abstention of each model on the test records, as plain data; for open tasks a `reason`.

    Temperature and thresholds come from validation records alone.
    """
    if task == "qa":
        return {"reason": OPEN}
    if not all(has_scores(rows) for rows in predictions.values()):
        return {"reason": NO_SCORES}
    if any(row.only_best for rows in predictions.values() for row in rows):
        return {"reason": ONLY_BEST}
    tested = {name: beliefs_of(task, test, rows) for name, rows in predictions.items()}
    validated = _validated(task, validation)
    temperatures = {
        name: fit_temperature(validated[name])
        if name in validated
        else Temperature(value=None, n_validation=0, reason=NO_VALIDATION)
        for name in tested
    }
    before = {name: judge(beliefs) for name, beliefs in tested.items()}
    after = {
        name: judge(tested[name], temperature.used)
        for name, temperature in temperatures.items()
        if temperature.value is not None
    }
    entrants = before | {_after(name): one for name, one in after.items()}
    measured = judged_estimates(entrants, plan, alpha=alpha)
    found: dict[str, Any] = {"n": len(test), "few": len(test) < FEW}
    for name, beliefs in tested.items():
        kept = after.get(name)
        found[name] = {
            "temperature": asdict(temperatures[name]),
            **_scores(beliefs, 1.0, before[name], measured[name], plan, alpha),
            "curve": curve(before[name].confidence, before[name].wrong, plan.group, alpha=alpha),
            "accuracy_at": accuracy_at(before[name].confidence, before[name].wrong, plan.group, alpha=alpha),
            "after_temperature": {"reason": temperatures[name].reason}
            if kept is None
            else _scores(beliefs, temperatures[name].used, kept, measured[_after(name)], plan, alpha),
            "thresholds": _thresholds(
                validated.get(name), temperatures[name].used, kept or before[name], plan.group, alpha
            ),
            "confident_and_wrong": _confident_and_wrong(beliefs, before[name]),
        }
    return found


def _validated(task: Task, validation: Validation) -> dict[str, Beliefs]:
    given = validation.predictions or {}
    return {
        name: beliefs_of(task, validation.records, rows)
        for name, rows in given.items()
        if validation.records and rows
    }


def _after(name: str) -> str:
    return f"{name} after temperature"


def _scores(
    beliefs: Beliefs,
    temperature: float,
    judged: Judged,
    measured: Mapping[str, Estimate],
    plan: Plan,
    alpha: float,
) -> dict[str, Any]:
    values = {key: asdict(estimate) for key, estimate in measured.items()}
    values["brier"] |= brier_parts(beliefs, temperature)._asdict()
    values["ece"]["if_calibrated"] = error_if_calibrated(judged.confidence)
    return {
        **values,
        "confidence": float(judged.confidence.mean()),
        "reliability": reliability(judged.confidence, judged.right, plan.group, alpha=alpha),
    }


def _thresholds(
    validated: Beliefs | None, temperature: float, tested: Judged, group: IntArray, alpha: float
) -> dict[str, dict[str, Any]]:
    """By wished-for risk: the threshold, what it does on `validation`, and what it then does on `test`."""
    if validated is None:
        return {f"{risk:g}": {"threshold": None, "reason": NO_VALIDATION} for risk in RISKS}
    judged = judge(validated, temperature)
    found: dict[str, dict[str, Any]] = {}
    for risk in RISKS:
        chosen = choose_threshold(judged.confidence, judged.right, validated.group, risk=risk)
        if chosen.value is None:
            found[f"{risk:g}"] = {"threshold": None, "reason": chosen.reason}
            continue
        found[f"{risk:g}"] = {
            "threshold": chosen.value,
            "validation": {"coverage": chosen.coverage, "risk": chosen.risk, "bound": chosen.bound},
            "test": _at_threshold(tested, chosen.value, group, alpha),
        }
    return found


def _at_threshold(judged: Judged, threshold: float, group: IntArray, alpha: float) -> dict[str, Any]:
    answered = judged.confidence >= threshold
    coverage = {"coverage": float(answered.mean()), "n": int(answered.sum())}
    if not answered.any():
        nothing = "no test record reaches the threshold"
        return {**coverage, "risk": None, "low": None, "high": None, "reason": nothing}
    risk = float(judged.wrong[answered].mean())
    low, high = wilson(risk, n=len(np.unique(group[answered])), alpha=alpha)
    return {**coverage, "risk": risk, "low": low, "high": high}


def _confident_and_wrong(beliefs: Beliefs, judged: Judged) -> list[dict[str, Any]]:
    """The wrong answers that the model was surest of, the surest first."""
    places = [int(place) for place in surest_first(judged.confidence) if judged.wrong[place]]
    return [
        {"id": beliefs.ids[place], "confidence": float(judged.confidence[place])}
        for place in places[:MOST_WRONG]
    ]
