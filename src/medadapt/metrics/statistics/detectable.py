"""How large a difference has to be before this test set can show it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from medadapt.metrics.marking.marks import FloatArray
from medadapt.metrics.marking.values import METRICS, ZERO_ONE
from medadapt.metrics.statistics.mcnemar_power import mcnemar_power
from medadapt.metrics.statistics.paired import Pair

POWER = 0.8
ASSUMED_DISCORDANT = 0.2
"""Share of records with one model right and one wrong, where no such record was seen."""
EXACT_UP_TO = 250
"""Expected discordant records up to which the power is computed exactly, in some 5 ms. From there on the normal formula
gives the same to 3 %, and to 1.5 % where the models agree on half of the records."""

UNKNOWN_SPREAD = "how far the models differ from record to record is not known before both are measured"


class Detectable(NamedTuple):
    """A difference, and what it rests on where that is not plain."""

    value: float | None
    reason: str | None


def detectable_difference(metric: str, pair: Pair) -> Detectable:
    """The smallest true difference that would be shown with a probability of 80 %.

    Of 0/1 marks it is the one at which McNemar's exact test has that power (`mcnemar_power.py`), the models
    disagreeing as often as they did here, or as often as the difference needs where that is more. Where records share
    groups, they count as fewer independent ones. Of everything else it is (t(1 - alpha/2) + t(0.8)) standard errors
    by the paired bootstrap, 2.80 at alpha 0.05 and many groups; t has one degree of freedom less than there are
    groups, because the spread of few groups is itself uncertain.

    With fewer groups than the exact test needs, 6 at alpha 0.05, nothing can be shown, whatever the spread: no test
    by swapping the models has a p below 2 / 2^groups. With just as many groups all must change in one direction, so
    the power is still less (64 % in simulation).
    """
    groups, alpha = pair.plan.num_groups, pair.alpha
    columns, _ = METRICS[metric]
    if not all(tallies.keys() >= {*columns} for tallies in (pair.first, pair.second)):
        return Detectable(None, "not computed for both models")
    if reason := _too_few(groups, alpha):
        return Detectable(None, reason)
    if metric not in ZERO_ONE:
        if error := _resampled_error(metric, pair):
            return Detectable(_scale(alpha, groups) * error, None)
        return Detectable(None, "the difference shows no spread on this test set")
    gains = pair.second[ZERO_ONE[metric]] - pair.first[ZERO_ONE[metric]]
    seen = float((gains != 0).mean())
    size = _of_marks(seen or ASSUMED_DISCORDANT, _independent_records(metric, gains, pair), alpha)
    return Detectable(size, _assumed(seen, size))


def detectable_beforehand(num_groups: int, *, alpha: float) -> Detectable:
    """What a test set will be able to show in 0/1 marks, from its size alone, before any model has answered.

    As `detectable_difference`, with a fifth of the records assumed to be discordant, or as many as the difference
    itself. Records of one group may all be answered alike, so each group counts once: where they are not, somewhat
    smaller differences can be shown.
    """
    if reason := _too_few(num_groups, alpha):
        return Detectable(None, reason)
    return Detectable(_of_marks(ASSUMED_DISCORDANT, num_groups, alpha), None)


def _needed(alpha: float) -> int:
    """Discordant records below which the exact test has no p below alpha: of k, the smallest p is 2 / 2^k.

    >>> _needed(0.05), _needed(0.125)  # 4 records have a p of 0.125, which is not below it
    (6, 5)
    """
    return math.floor(2 + math.log2(1 / alpha))


def _too_few(groups: int, alpha: float) -> str | None:
    if groups >= _needed(alpha):
        return None
    return f"it takes at least {_needed(alpha)} independent records to show any difference"


def _scale(alpha: float, groups: float) -> float:
    """Standard errors that are shown with a probability of 80 %, where so many groups told of the spread."""
    return float(stats.t.isf(alpha / 2, groups - 1) + stats.t.ppf(POWER, groups - 1))


def _of_marks(discordant: float, n: int, alpha: float) -> float:
    """The smallest true difference of 0/1 marks that `n` independent records show with a probability of 80 %.

    A difference cannot be larger than the share of discordant records: a larger one makes more of them, all in one
    direction. There is one for each n that the exact test can show anything with, and 1 is enough.
    """
    if n * discordant > EXACT_UP_TO:  # one record more, because the exact test goes by whole ones
        return (_scale(alpha, math.inf) * math.sqrt(n * discordant) + 1) / n

    def lacking(difference: float) -> float:
        disagreement = max(discordant, difference)
        return POWER - mcnemar_power(n, disagreement=disagreement, difference=difference, alpha=alpha)

    large = _needed(alpha) / n
    while large < 1 and lacking(large) > 0:
        large = min(1.0, 2 * large)
    return float(optimize.brentq(lacking, 0.0, large, xtol=1e-9))


def _assumed(seen: float, size: float) -> str | None:
    """The share of discordant records that a difference rests on, where it is not the one that was seen."""
    if size > (seen or ASSUMED_DISCORDANT):
        found = f"{_percent(seen)} was" if seen else "none was"
        assumed = f"disagreement on {_percent(size)} of the records is assumed, all in one direction"
        return f"{assumed}; {found} seen"
    return None if seen else f"no disagreement was seen; {ASSUMED_DISCORDANT:.0%} of the records are assumed"


def _percent(share: float) -> str:
    """A whole percentage, and one below ten with two digits."""
    return f"{share:.0%}" if share >= 0.1 else f"{100 * share:.2g}%"


def _independent_records(metric: str, gains: FloatArray, pair: Pair) -> int:
    """As how many independent records those of the test set count, which may be answered alike within a group.

    Their number divided by the design effect (Kish 1965): the variance of the difference by the bootstrap over groups
    over that of as many independent records, both with what the uncertainty of few groups adds. Not less than the
    exact test needs, because there are so many groups; without a spread each group counts as one record.
    """
    n, groups = len(gains), pair.plan.num_groups
    if not pair.plan.shares_groups:
        return n
    error = _resampled_error(metric, pair)
    if not error:
        return groups
    cautious = error * _scale(pair.alpha, groups) / _scale(pair.alpha, math.inf)
    return min(n, max(_needed(pair.alpha), math.floor(gains.var() / cautious**2)))


def _resampled_error(metric: str, pair: Pair) -> float | None:
    if metric not in pair.first_resampled or metric not in pair.second_resampled:
        return None
    with np.errstate(invalid="ignore"):
        shifts = pair.second_resampled[metric] - pair.first_resampled[metric]
    values, groups = shifts[np.isfinite(shifts)], pair.plan.num_groups
    # Groups drawn with replacement vary a little less than groups of the same kind do.
    return float(values.std(ddof=1)) * math.sqrt(groups / (groups - 1)) if len(values) > 1 else None
