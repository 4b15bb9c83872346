"""The block `calibration` of one model, made up around what it claims and what it reaches."""

from __future__ import annotations

from typing import Any


def estimate(value: float) -> dict[str, Any]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01, "n": 400, "reason": None}


def model_of(claimed: float, right: float) -> dict[str, Any]:
    """One model of the block `calibration`, with two bins on either side of its means."""
    bins = [
        {
            "n": 200,
            "lowest": c,
            "highest": c,
            "confidence": c,
            "accuracy": a,
            "low": a - 0.04,
            "high": a + 0.04,
        }
        for c, a in ((claimed - 0.1, right - 0.2), (claimed + 0.1, right + 0.2))
    ]
    scores = {
        "nll": estimate(0.9),
        "brier": estimate(0.3),
        "ece": {**estimate(0.2), "if_calibrated": 0.03},
        "ece_debiased_squared": estimate(-0.002),
        "confidence": claimed,
        "reliability": bins,
    }
    wrong = 1 - right
    curve = [
        {
            "coverage": share,
            "confidence": 0.9,
            "risk": share * wrong,
            "low": 0.0,
            "high": share * wrong + 0.05,
        }
        for share in (0.1, 0.5, 1.0)
    ]
    return {
        "temperature": {"value": 1.5, "n_validation": 50, "reason": None},
        **scores,
        "aurc": estimate(0.2),
        "excess_aurc": estimate(0.1),
        "curve": curve,
        "accuracy_at": {key: {**estimate(0.6), "n": 320} for key in ("0.8", "0.9", "0.95")},
        "after_temperature": {**scores, "nll": estimate(0.7)},
        "thresholds": {
            "0.05": {"threshold": None, "reason": "too few records"},
            "0.1": {
                "threshold": 0.8,
                "validation": {"coverage": 0.5, "risk": 0.05, "bound": 0.1},
                "test": {"coverage": 0.4, "n": 160, "risk": 0.075, "low": 0.04, "high": 0.12},
            },
        },
        "confident_and_wrong": [],
    }
