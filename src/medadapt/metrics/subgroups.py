"""How both models do by subject and by question type, where the records know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from medadapt.core.records import Record
from medadapt.core.results import Difference, Estimate
from medadapt.metrics.marking.marks import Tallies
from medadapt.metrics.marking.values import METRICS, ZERO_ONE
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.holm import adjust
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values, flipped_differences, plan_of_some

FIELDS = ("subject", "qtype")
MOST_VALUES = 60
"""A field with more values is free text rather than a grouping."""
FEWEST_RECORDS = 30
"""With fewer test records a value of a field gets no verdict."""
TOO_FEW = f"fewer than {FEWEST_RECORDS} test records are too few for a claim"


def subgroups(
    test: Sequence[Record],
    models: Mapping[str, Tallies],
    *,
    metric: str,
    plan: Plan,
    alpha: float,
    same_model: bool = False,
) -> dict[str, dict[str, dict[str, Any]]]:
    """By field and value: n, an Estimate of `metric` for each model, and the Difference; largest values first.

    `models` are `baseline` and `tuned`. Records without a value for the field are left out, and so is a field with
    a single value or with more than 60. The intervals are not corrected for the number of values. The verdicts
    are: they rest on Holm's p over the values of one field that have at least 30 records; smaller ones
    are not judged, whatever their numbers are.
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
            found[field] = _table(needed, rows, metric, plan, alpha, same_model=same_model)
    return found


def left_out(test: Sequence[Record], models: Mapping[str, Tallies], *, metric: str) -> dict[str, str]:
    """Why `subgroups` has no table of a field although records have it: field -> reason."""
    columns, _ = METRICS[metric]
    reasons = {}
    for field in FIELDS:
        values = {value for record in test if (value := getattr(record, field))}
        if not values:
            continue
        if any(column not in tallies for tallies in models.values() for column in columns):
            reasons[field] = f"{metric} was not computed for both models"
        elif len(values) == 1:
            reasons[field] = "all test records that name it have the same"
        elif len(values) > MOST_VALUES:
            reasons[field] = f"{len(values):,} different values are free text rather than a grouping"
    return reasons


def _table(
    models: Mapping[str, Tallies],
    rows: Mapping[str, list[int]],
    metric: str,
    plan: Plan,
    alpha: float,
    *,
    same_model: bool,
) -> dict[str, dict[str, Any]]:
    largest_first = sorted(rows, key=lambda value: (-len(rows[value]), value))
    parts = {value: _part(models, rows[value], metric, plan, alpha, same_model) for value in largest_first}
    sizes = {value: len(rows[value]) for value in largest_first}
    changes = _judged({value: change for value, (_, change) in parts.items()}, sizes, alpha)
    return {
        value: {
            "n": sizes[value],
            **{name: asdict(estimate) for name, estimate in of_models.items()},
            "difference": asdict(changes[value]),
        }
        for value, (of_models, _) in parts.items()
    }


def _judged(
    changes: Mapping[str, Difference], sizes: Mapping[str, int], alpha: float
) -> dict[str, Difference]:
    """Verdicts of the large values together, none for the small ones, in the order given."""
    large = {value: change for value, change in changes.items() if sizes[value] >= FEWEST_RECORDS}
    judged = adjust(large, alpha=alpha)
    return {value: judged.get(value) or _no_claim(change) for value, change in changes.items()}


def _no_claim(change: Difference) -> Difference:
    return replace(change, verdict="not shown", reason=change.reason or TOO_FEW)


def _part(
    models: Mapping[str, Tallies], rows: list[int], metric: str, plan: Plan, alpha: float, same_model: bool
) -> tuple[dict[str, Estimate], Difference]:
    part = {
        name: {column: values[rows] for column, values in tallies.items()} for name, tallies in models.items()
    }
    part_plan = plan_of_some(plan, rows)
    resampled = bootstrap_values(part, part_plan)
    of_models = {
        name: estimates(part[name], resampled[name], names=[metric], plan=part_plan, alpha=alpha, missing={})
        for name in part
    }
    pair = Pair(
        first=part["baseline"],
        second=part["tuned"],
        first_resampled=resampled["baseline"],
        second_resampled=resampled["tuned"],
        flipped={} if metric in ZERO_ONE else flipped_differences(part["baseline"], part["tuned"], part_plan),
        plan=part_plan,
        alpha=alpha,
        same_model=same_model,
    )
    return {name: found[metric] for name, found in of_models.items()}, difference(metric, pair)
