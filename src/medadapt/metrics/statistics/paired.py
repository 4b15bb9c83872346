"""Paired differences: did the second model do better on the very same records?

What the names in `Difference.test` stand for:

`mcnemar-exact`
    0/1 marks, no shared groups. p: the exact two-sided binomial test on the discordant records (McNemar
    1947). Interval: Tango's score interval.
`group-sign-flip`
    0/1 marks, records share groups. p: the exact permutation test that swaps the models group by group,
    which is McNemar's test where every group has one record. Interval: what holds the paired bootstrap over
    groups and Tango's for as many independent records.
`paired-bootstrap`
    all other metrics. Interval: paired bootstrap over groups (expanded percentiles). p: the share of
    random swaps of the models, group by group, with a difference at least as large (seeded, +1 corrected:
    Phipson and Smyth 2010). A p read off the bootstrap itself would reject too often in small samples.
`paired-bootstrap-bca`
    the primary metric, where it is neither a mean of 0/1 marks nor the macro-F1. As `paired-bootstrap`, but the
    interval holds the one corrected for bias and acceleration, too (`bias_correction.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from medadapt.core.results import LOWER_IS_BETTER, Difference, Verdict
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.marking.marks import GRID, FloatArray, Tallies
from medadapt.metrics.marking.values import ZERO_ONE, metric_values
from medadapt.metrics.statistics.bias_correction import NO_WIDTH, bias_corrected, is_corrected
from medadapt.metrics.statistics.intervals import Interval, expanded_percentile, no_interval, tango
from medadapt.metrics.statistics.p_below import is_below
from medadapt.metrics.statistics.resampling import Plan, left_out_values, sum_groups, total

ALL_ALIKE = "every resample gives the same difference, so how far it would vary is unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two models on the same records, with everything resampled that their comparison needs."""

    first: Tallies
    second: Tallies
    first_resampled: Mapping[str, FloatArray]
    second_resampled: Mapping[str, FloatArray]
    flipped: Mapping[str, FloatArray]
    """Differences after random swaps; needed for metrics that are no mean of 0/1 marks."""
    plan: Plan
    alpha: float
    same_model: bool = False
    """No decision changed and no log-likelihood moved by more than rounding: no difference can be claimed."""
    primary: str | None = None
    """The metric that carries the verdict, whose interval is BCa."""


def difference(metric: str, pair: Pair) -> Difference:
    """The metric of the second model minus that of the first, with interval, p and verdict."""
    before, after = metric_values(total(pair.first)), metric_values(total(pair.second))
    test = test_name(metric, pair.plan, primary=pair.primary)
    if metric not in before or metric not in after:
        return _unknown(test, "not computed for both models")
    if not (math.isfinite(before[metric]) and math.isfinite(after[metric])):
        return _unknown(test, "one of the two models has no value")
    value = float(after[metric] - before[metric])
    if metric in ZERO_ONE:
        p, interval = _zero_one(metric, value, pair)
    else:
        p = flip_p(value, pair.flipped[metric])
        interval = _bootstrap_interval(metric, value, pair)
    judged = "not shown" if pair.same_model else verdict(metric, interval, p, alpha=pair.alpha)
    reason = None if interval else no_interval(pair.plan.num_groups)
    may_be_alike = metric in ("macro_f1", *TEXT_METRICS) and not pair.same_model
    if may_be_alike and interval and interval.high - interval.low < NO_WIDTH:
        # A bootstrap without any spread would claim certainty. The verdict is then that of p and of the sign.
        interval, reason = None, ALL_ALIKE
    low, high = interval or (None, None)
    return Difference(
        value=value,
        low=low,
        high=high,
        p=p,
        test=test,
        verdict=judged,
        reason=reason,
    )


def test_name(metric: str, plan: Plan, *, primary: str | None) -> str:
    """The name of the test for a metric; see the head of this file."""
    if is_corrected(metric, primary):
        return "paired-bootstrap-bca"
    if metric not in ZERO_ONE:
        return "paired-bootstrap"
    return "group-sign-flip" if plan.shares_groups else "mcnemar-exact"


def verdict(metric: str, interval: Interval | None, p: float, *, alpha: float) -> Verdict:
    """`better` or `worse` when p is below alpha and the interval lies on one side of 0, else `not shown`."""
    if interval is None or not is_below(p, alpha) or interval.low <= 0 <= interval.high:
        return "not shown"
    return "better" if (interval.low > 0) != (metric in LOWER_IS_BETTER) else "worse"


def sign_flip_p(gains: FloatArray) -> float:
    """Exact two-sided p of a sum of whole numbers, each of which could as well have the other sign.

    `gains` (G,) holds one whole number a group: records gained minus records lost. The distribution of
    the sum over all 2^G signs is built by convolution. For gains of -1, 0 and 1 it is McNemar's exact test.

    >>> round(sign_flip_p(np.array([1, 1, 1, 1, 1, 1, 0, 0])), 5)
    0.03125
    """
    sizes, counts = np.unique(np.abs(gains[gains != 0]).astype(np.int64), return_counts=True)
    chance = np.ones(1)  # of the sums -reach .. reach
    for size, count in zip(sizes, counts, strict=True):
        flips = np.zeros(2 * size * count + 1)
        flips[:: 2 * size] = stats.binom.pmf(np.arange(count + 1), count, 0.5)
        chance = np.convolve(chance, flips)
    reach = len(chance) // 2
    sums = np.arange(-reach, reach + 1)
    return float(min(1.0, chance[np.abs(sums) >= abs(gains.sum())].sum()))


def flip_p(value: float, flipped: FloatArray) -> float:
    """Two-sided p of an observed difference among those after random swaps of the models."""
    # Swaps that give the observed difference again must count, whatever rounding to the grid does to its end.
    as_large = np.abs(flipped) >= abs(value) * (1 - 1e-6) - 4 / GRID
    return float((1 + as_large.sum()) / (1 + len(flipped)))


def _zero_one(metric: str, value: float, pair: Pair) -> tuple[float, Interval | None]:
    column = ZERO_ONE[metric]
    marks = {"gain": pair.second[column] - pair.first[column]}
    p = sign_flip_p(sum_groups(marks, pair.plan.group)["gain"])
    if pair.same_model:
        return p, Interval(0.0, 0.0)
    lost, gained = float((marks["gain"] < 0).sum()), float((marks["gain"] > 0).sum())
    score = tango(lost, gained, n=len(marks["gain"]), alpha=pair.alpha)
    if not pair.plan.shares_groups:
        return p, score
    shifts, groups = _shifts(metric, pair), pair.plan.num_groups
    if np.ptp(shifts) < NO_WIDTH:  # no spread to resample: at best each group counts as one record
        return p, tango(groups * max(-value, 0.0), groups * max(value, 0.0), n=groups, alpha=pair.alpha)
    percentile = expanded_percentile(shifts, num_groups=groups, alpha=pair.alpha)
    if percentile is None:
        return p, None
    # Where few records are discordant the bootstrap alone covers too seldom (`benchmarks/simulations.py`).
    return p, Interval(min(score.low, percentile.low), max(score.high, percentile.high))


def _bootstrap_interval(metric: str, value: float, pair: Pair) -> Interval | None:
    shifts, groups = _shifts(metric, pair), pair.plan.num_groups
    if not is_corrected(metric, pair.primary):
        return expanded_percentile(shifts, num_groups=groups, alpha=pair.alpha)
    before, after = (left_out_values(metric, tallies, pair.plan) for tallies in (pair.first, pair.second))
    return bias_corrected(shifts, value=value, left_out=after - before, num_groups=groups, alpha=pair.alpha)


def _shifts(metric: str, pair: Pair) -> FloatArray:
    """The difference in every resample; not finite where a model has no finite value."""
    with np.errstate(invalid="ignore"):
        return pair.second_resampled[metric] - pair.first_resampled[metric]


def _unknown(test: str, reason: str) -> Difference:
    return Difference(value=None, low=None, high=None, p=None, test=test, verdict="not shown", reason=reason)
