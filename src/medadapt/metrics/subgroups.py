"""How both models do by subject and by question type, where the records know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from medadapt.core.records import Record
from medadapt.metrics.marking.marks import FloatArray, Tallies
from medadapt.metrics.marking.values import METRICS
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values

FIELDS = ("subject", "qtype")
MOST_VALUES = 60
"""A field with more values is free text rather than a grouping."""


def subgroups(
    test: Sequence[Record], models: Mapping[str, Tallies], *, metric: str, plan: Plan, alpha: float
) -> dict[str, dict[str, dict[str, Any]]]:
    """By field and value: n, and an Estimate of `metric` for each model; largest values first.

    Records without a value for the field are left out, and so is a field with a single value or with more
    than 60. The intervals are not corrected for their number.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    columns, _ = METRICS[metric]
    if any(column not in tallies for tallies in models.values() for column in columns):
        return found
    needed = {name: {column: tallies[column] for column in columns} for name, tallies in models.items()}
    for field in FIELDS:
        rows: dict[str, list[int]] = {}
        for place, record in enumerate(test):
            if value := getattr(record, field):
                rows.setdefault(value, []).append(place)
        if 2 <= len(rows) <= MOST_VALUES:
            largest_first = sorted(rows, key=lambda value: (-len(rows[value]), value))
            found[field] = {value: _part(needed, rows[value], metric, plan, alpha) for value in largest_first}
    return found


def _part(
    models: Mapping[str, Tallies], rows: list[int], metric: str, plan: Plan, alpha: float
) -> dict[str, Any]:
    part = {
        name: {column: values[rows] for column, values in tallies.items()} for name, tallies in models.items()
    }
    _, group = np.unique(plan.group[rows], return_inverse=True)
    part_plan = Plan(group=group.astype(np.int64), samples=plan.samples, seed=plan.seed)
    resampled = bootstrap_values(part, part_plan)

    def of(tallies: Tallies, values: Mapping[str, FloatArray]) -> dict[str, Any]:
        return asdict(
            estimates(tallies, values, names=[metric], plan=part_plan, alpha=alpha, missing={})[metric]
        )

    return {"n": len(rows), **{name: of(part[name], resampled[name]) for name in part}}
