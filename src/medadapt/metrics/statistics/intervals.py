"""Confidence intervals for shares, paired differences of shares, and resampled statistics."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from medadapt.metrics.marking.marks import FloatArray

ONE_GROUP = "an interval needs test records of at least two groups"
FEW_VALUES = "the metric has no value in more than half of the resamples"


class Interval(NamedTuple):
    """Both ends of a confidence interval."""

    low: float
    high: float


def wilson(share: float, *, n: float, alpha: float, freedom: int | None = None) -> Interval:
    """Score interval of one share of n independent records (Wilson, JASA 1927).

    Unlike the normal approximation it keeps its coverage in small samples and has a width where
    every record is right. With `freedom` the quantile is that of a t distribution with as many degrees.

    >>> [round(end, 3) for end in wilson(1.0, n=61, alpha=0.05)]
    [0.941, 1.0]
    """
    z = float(stats.norm.isf(alpha / 2) if freedom is None else stats.t.isf(alpha / 2, freedom))
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if share == 0 else (centre - spread) / scale
    high = 1.0 if share == 1 else (centre + spread) / scale
    return Interval(low, high)


def grouped_wilson(marked_G: FloatArray, records_G: FloatArray, *, alpha: float) -> Interval:
    """Wilson's interval of a share of records that share groups, at the effective number of records.

    That number, p (1 - p) / SE^2 (Korn and Graubard, Survey Methodology 1998), is how many independent records
    would know the share as well as these do; more than there are is taken for chance. SE is the cluster-robust
    standard error, and because it is estimated from G groups, the quantile is that of t with G - 1 degrees of
    freedom. Franco, Little, Louis and Slud (J. Survey Statistics and Methodology 2019) recommend Wilson's form
    among such intervals, and find that in clusters all of them cover too little with an SE made like this one.

    `marked_G` and `records_G` count the records with the mark, and all, of at least two groups. Not for groups that
    all have the same share: they have no SE, and do not show how alike their records are.
    """
    groups, n = len(records_G), float(records_G.sum())
    share = float(marked_G.sum()) / n
    residual_G = marked_G - share * records_G
    squared_error = groups / (groups - 1) * float((residual_G**2).sum()) / n**2
    effective = min(n, share * (1 - share) / squared_error)
    return wilson(share, n=effective, alpha=alpha, freedom=groups - 1)


def tango(first_only: float, second_only: float, *, n: float, alpha: float) -> Interval:
    """Score interval of (second_only - first_only) / n on n paired records (Tango, Stat. Med. 1998).

    `first_only` and `second_only` count the records that only one of the two models has right. The ends are
    the differences that a score test with constrained maximum-likelihood estimates would just not reject.
    It has a width where no record is discordant: 0 of 61 still allows differences of up to 5.9 points.
    """
    z = float(stats.norm.isf(alpha / 2))
    estimate = (second_only - first_only) / n
    gap = 1e-9  # at the estimate itself the equation has a second, false root when no record is discordant

    def excess(difference: float, side: int) -> float:
        b = (2 * n - second_only + first_only) * difference - second_only - first_only
        c = -first_only * difference * (1 - difference)
        first_share = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
        variance = max(n * (2 * first_share + difference * (1 - difference)), 0.0)
        return second_only - first_only - n * difference - side * z * math.sqrt(variance)

    low = high = estimate
    if estimate > -1:
        low = float(optimize.brentq(excess, -1.0, estimate - gap, args=(1,), xtol=1e-13))
    if estimate < 1:
        high = float(optimize.brentq(excess, estimate + gap, 1.0, args=(-1,), xtol=1e-13))
    return Interval(low, high)


def expanded_percentile(resampled: FloatArray, *, num_groups: int, alpha: float) -> Interval | None:
    """Percentile interval of a statistic resampled over `num_groups` groups, widened for few groups.

    A plain percentile interval is too short by the factors sqrt((G - 1) / G) and z / t. Taking the
    percentiles further out by as much (Hesterberg, The American Statistician 2015, section 5.1) restores
    the coverage of a t interval for means. Resamples without a value are left out; None for one group.
    """
    values = resampled[np.isfinite(resampled)]
    if num_groups < 2 or len(values) < len(resampled) / 2:
        return None
    tail = expanded_tail(num_groups, alpha)
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def no_interval(num_groups: int) -> str:
    """Why `expanded_percentile` gave none."""
    return ONE_GROUP if num_groups < 2 else FEW_VALUES


def expanded_tail(num_groups: int, alpha: float) -> float:
    """The share of resamples beyond each end of `expanded_percentile`; below alpha / 2."""
    t = float(stats.t.isf(alpha / 2, num_groups - 1))
    return float(stats.norm.sf(math.sqrt(num_groups / (num_groups - 1)) * t))
