"""Whether a model chooses an option, or a place: the same questions with their options moved on cyclically."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.marking.marks import FloatArray
from medadapt.metrics.statistics.resampling import Plan, plan_of_some
from medadapt.metrics.statistics.shares import Shares
from medadapt.metrics.ways import Ways

ROTATED = "rotated_"
NOT_ASKED = "options were asked in one order only (evaluation.permutations)"
NEVER_MOVED = "no question shows options that could be moved"
Orders = Sequence[Sequence[Prediction]]
"""A model's predictions of the test records in each order of the options, the usual one first."""


def permutations(right_answers: Sequence[str], ways: Ways, *, plan: Plan, alpha: float) -> dict[str, Any]:
    """What moving the options changes, with all choices under the letters that the options usually have.

    `count`: orders asked, the usual one among them. `flip_rate` by model: share of records whose choice is not the
    same in all orders, of those whose options moved. `accuracy` by model: `mean`, `lowest` and `highest` over the
    orders. `averaged` by model: accuracy of the option whose probability is highest on average over the orders, which
    no place can favour where every option was in every place. An order that a record was asked in before, because it
    has fewer options than others, counts once for it. Only a `reason` where options were not moved.
    """
    turned = sorted(way for way in ways if way.startswith(ROTATED))
    if not turned:
        return {"reason": NOT_ASKED}
    orders = {name: _without_repeats([ways[way][name] for way in ("test", *turned)]) for name in MODEL_NAMES}
    by_record = {
        name: [_asked_once(rows) for rows in zip(*asked, strict=True)] for name, asked in orders.items()
    }
    moved = np.array([any(len(rows) > 1 for rows in both) for both in zip(*by_record.values(), strict=True)])
    if not moved.any():
        return {"reason": NEVER_MOVED}
    flips = Shares(
        {name: _flips(records)[moved] for name, records in by_record.items()},
        plan=plan_of_some(plan, moved),
        alpha=alpha,
    )
    averaged = Shares(
        {name: _averaged(records, right_answers) for name, records in by_record.items()},
        plan=plan,
        alpha=alpha,
    )
    return {
        "count": max(len(asked) for asked in orders.values()),
        "flip_rate": {name: asdict(flips.estimate(name)) for name in orders},
        "accuracy": {name: _spread(asked, right_answers) for name, asked in orders.items()},
        "averaged": {name: asdict(averaged.estimate(name)) for name in orders},
    }


def _without_repeats(orders: Orders) -> Orders:
    """Without orders in which every record was asked before, as files of earlier versions have them."""
    seen: list[set[str]] = [set() for _ in orders[0]]
    kept = []
    for rows in orders:
        if any(row.prompt_sha256 not in prompts for row, prompts in zip(rows, seen, strict=True)):
            kept.append(rows)
        for row, prompts in zip(rows, seen, strict=True):
            prompts.add(row.prompt_sha256)
    return kept


def _asked_once(rows: Sequence[Prediction]) -> list[Prediction]:
    """What was said of one record in each order, without those that show it the same prompt again."""
    first: dict[str, Prediction] = {}
    for row in rows:
        first.setdefault(row.prompt_sha256, row)
    return list(first.values())


def _flips(records: Sequence[Sequence[Prediction]]) -> FloatArray:
    return np.array([float(len({row.choice for row in rows}) > 1) for rows in records])


def _averaged(records: Sequence[Sequence[Prediction]], right_answers: Sequence[str]) -> FloatArray:
    marks = []
    for right, rows in zip(right_answers, records, strict=True):
        summed = {
            name: sum((row.probabilities or {})[name] for row in rows) for name in rows[0].probabilities or {}
        }
        marks.append(float(max(summed, key=summed.__getitem__, default=None) == right))
    return np.array(marks)


def _spread(orders: Orders, right_answers: Sequence[str]) -> dict[str, float]:
    found = [
        float(np.mean([row.choice == right for row, right in zip(rows, right_answers, strict=True)]))
        for rows in orders
    ]
    return {"mean": float(np.mean(found)), "lowest": min(found), "highest": max(found)}
