"""Whether a model chooses an option, or a place: the same questions with their options moved on cyclically."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.marking.marks import FloatArray
from medadapt.metrics.statistics.resampling import Plan
from medadapt.metrics.statistics.shares import Shares
from medadapt.metrics.ways import Ways

ROTATED = "rotated_"
NOT_ASKED = "options were asked in one order only (evaluation.permutations)"


def permutations(right_answers: Sequence[str], ways: Ways, *, plan: Plan, alpha: float) -> dict[str, Any]:
    """What moving the options changes, with all choices under the letters that the options usually have.

    `count`: orders asked, the usual one among them. `flip_rate` by model: share of records whose choice is not the
    same in all orders. `accuracy` by model: `mean`, `lowest` and `highest` over the orders. `averaged` by model:
    accuracy of the option whose probability is highest on average over the orders, which no place can favour where
    every option was in every place. Only a `reason` where options were not moved.
    """
    turned = sorted(way for way in ways if way.startswith(ROTATED))
    if not turned:
        return {"reason": NOT_ASKED}
    orders: dict[str, list[Sequence[Prediction]]]
    orders = {name: [ways["test"][name], *(ways[way][name] for way in turned)] for name in MODEL_NAMES}
    marks = {f"flips {name}": _flips(rows) for name, rows in orders.items()}
    marks |= {f"averaged {name}": _averaged(rows, right_answers) for name, rows in orders.items()}
    resampled = Shares(marks, plan=plan, alpha=alpha)
    return {
        "count": 1 + len(turned),
        "flip_rate": {name: asdict(resampled.estimate(f"flips {name}")) for name in orders},
        "accuracy": {name: _spread(rows, right_answers) for name, rows in orders.items()},
        "averaged": {name: asdict(resampled.estimate(f"averaged {name}")) for name in orders},
    }


def _flips(orders: Sequence[Sequence[Prediction]]) -> FloatArray:
    return np.array([float(len({row.choice for row in rows}) > 1) for rows in zip(*orders, strict=True)])


def _averaged(orders: Sequence[Sequence[Prediction]], right_answers: Sequence[str]) -> FloatArray:
    marks = []
    for right, rows in zip(right_answers, zip(*orders, strict=True), strict=True):
        summed = {
            name: sum((row.probabilities or {})[name] for row in rows) for name in rows[0].probabilities or {}
        }
        marks.append(float(max(summed, key=summed.__getitem__) == right))
    return np.array(marks)


def _spread(orders: Sequence[Sequence[Prediction]], right_answers: Sequence[str]) -> dict[str, float]:
    found = [
        float(np.mean([row.choice == right for row, right in zip(rows, right_answers, strict=True)]))
        for rows in orders
    ]
    return {"mean": float(np.mean(found)), "lowest": min(found), "highest": max(found)}
