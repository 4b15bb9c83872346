"""The figures of a judged model with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from medadapt.core.results import Estimate
from medadapt.metrics.calibration.errors import (
    bin_sums,
    debiased_squared_error,
    expected_calibration_error,
    group_columns,
)
from medadapt.metrics.calibration.judged import Judged
from medadapt.metrics.calibration.risk_coverage import (
    area,
    least_area,
    least_area_of_many,
    resampled_areas,
    selective_risks,
)
from medadapt.metrics.marking.marks import FloatArray, IntArray
from medadapt.metrics.statistics.bias_correction import NO_WIDTH
from medadapt.metrics.statistics.estimates import ALL_ALIKE
from medadapt.metrics.statistics.intervals import ONE_GROUP, expanded_percentile
from medadapt.metrics.statistics.resampling import Plan, bootstrap_weights, sum_groups

NOT_SCORED = "the right answer of a test record was not scored"
ANY_SIGN = frozenset({"ece_debiased_squared"})
"""Figures that may be below 0."""


def judged_estimates(
    judged: Mapping[str, Judged], plan: Plan, *, alpha: float
) -> dict[str, dict[str, Estimate]]:
    """By name: `nll`, `brier`, `ece`, `ece_debiased_squared`, `aurc` and `excess_aurc`.

    Intervals are percentiles of a bootstrap over groups, with bins and order of the records held fixed, and
    moved so that the mean of the resamples is the value: chance in a resample adds to a calibration
    error once more, and would push plain percentiles up and away from it.
    """
    sums = {name: _group_sums(one, plan) for name, one in judged.items()}
    parts: dict[str, list[dict[str, FloatArray]]] = {name: [] for name in judged}
    for weights_SG in bootstrap_weights(plan):
        for name, of_groups in sums.items():
            parts[name].append(_values(of_groups, weights_SG))
    once = np.ones((1, plan.num_groups))
    found = {}
    for name, one in judged.items():
        values = {key: float(value[0]) for key, value in _values(sums[name], once).items()} | _areas(one)
        found[name] = {
            key: _estimate(key, value, np.concatenate([part[key] for part in parts[name]]), plan, alpha)
            for key, value in values.items()
        }
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _GroupSums:
    """What each of G groups adds to the figures of one model."""

    judged: Judged
    group: IntArray
    means: FloatArray
    """(G, 4) records, wrong ones, log loss, Brier score."""
    bins: FloatArray
    """(G, 6, B) see `group_columns`."""


def _group_sums(judged: Judged, plan: Plan) -> _GroupSums:
    columns = (np.ones(len(judged.right)), judged.wrong, judged.log_loss, judged.brier)
    return _GroupSums(
        judged=judged,
        group=plan.group,
        means=sum_groups({"means": np.stack(columns, axis=1)}, plan.group)["means"],
        bins=group_columns(judged.confidence, judged.right, plan.group),
    )


def _values(sums: _GroupSums, weights_SG: FloatArray) -> dict[str, FloatArray]:
    """Each figure in each resample (S,), in which a group is there `weights` times."""
    with np.errstate(invalid="ignore"):  # 0 times an infinite log loss
        records_S, wrong_S, log_loss_S, brier_S = (weights_SG @ sums.means).T
    flat = weights_SG @ sums.bins.reshape(len(sums.bins), -1)
    bins = bin_sums(flat.reshape(len(flat), *sums.bins.shape[1:]))
    areas_S = resampled_areas(weights_SG, sums.judged.confidence, sums.judged.wrong, sums.group)
    return {
        "nll": log_loss_S / records_S,
        "brier": brier_S / records_S,
        "ece": expected_calibration_error(bins),
        "ece_debiased_squared": debiased_squared_error(bins),
        "aurc": areas_S,
        "excess_aurc": areas_S - least_area_of_many(wrong_S / records_S),
    }


def _areas(judged: Judged) -> dict[str, float]:
    """The areas themselves, exact for a finite number of records and for ties."""
    found = area(selective_risks(judged.confidence, judged.wrong))
    least = least_area(int(judged.wrong.sum()), len(judged.wrong))
    return {"aurc": found, "excess_aurc": max(0.0, found - least)}


def _estimate(key: str, value: float, resampled: FloatArray, plan: Plan, alpha: float) -> Estimate:
    n = len(plan.group)
    if not np.isfinite(value):
        return Estimate(value=None, low=None, high=None, n=n, reason=NOT_SCORED)
    if plan.num_groups > 1 and np.ptp(resampled) < NO_WIDTH:  # every record right and as sure, for example
        return Estimate(value=value, low=None, high=None, n=n, reason=ALL_ALIKE)
    centred = resampled - resampled.mean() + value
    interval = expanded_percentile(centred, num_groups=plan.num_groups, alpha=alpha)
    if interval is None:
        return Estimate(value=value, low=None, high=None, n=n, reason=ONE_GROUP)
    low = interval.low if key in ANY_SIGN else max(0.0, interval.low)
    return Estimate(value=value, low=low, high=interval.high, n=n)
