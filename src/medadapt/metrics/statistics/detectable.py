"""How large a difference has to be before this test set can show it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from medadapt.metrics.marking.values import METRICS, ZERO_ONE
from medadapt.metrics.statistics.paired import Pair

POWER = 0.8
ASSUMED_DISCORDANT = 0.2
"""Share of records with one model right and one wrong, where no such record was seen."""

UNKNOWN_SPREAD = "how far the models differ from record to record is not known before both are measured"


class Detectable(NamedTuple):
    """A difference, and what it rests on where that is not plain."""

    value: float | None
    reason: str | None


def detectable_difference(metric: str, pair: Pair) -> Detectable:
    """The true difference that would be shown with a probability of 80 %.

    It is (z(1 - alpha/2) + z(0.8)) = 2.80 standard errors at alpha 0.05. The standard error of a paired
    difference of 0/1 marks is sqrt(share of discordant records / n), where there was no difference; of
    everything else, and where records share groups, it is the spread of the paired bootstrap. A
    difference of 0/1 marks is never below what the exact test needs: 6 discordant records at alpha 0.05.
    With fewer groups than that nothing can be shown, whatever the spread: no test by swapping the models has a
    p below 2 / 2^groups.
    """
    groups, alpha = pair.plan.num_groups, pair.alpha
    columns, _ = METRICS[metric]
    if not all(tallies.keys() >= {*columns} for tallies in (pair.first, pair.second)):
        return Detectable(None, "not computed for both models")
    if reason := _too_few(groups, alpha):
        return Detectable(None, reason)
    if metric not in ZERO_ONE or pair.plan.shares_groups:
        if error := _resampled_error(metric, pair):
            size = _scale(alpha) * error
            if metric in ZERO_ONE:
                # The exact test needs so many discordant groups, of at least one discordant record each.
                size = min(1.0, max(size, _needed(alpha) / len(pair.plan.group)))
            return Detectable(size, None)
        if metric not in ZERO_ONE:
            return Detectable(None, "the difference shows no spread on this test set")
    column = ZERO_ONE[metric]
    if discordant := float((pair.first[column] != pair.second[column]).mean()):
        return Detectable(_of_marks(discordant, groups, alpha), None)
    reason = f"no disagreement was seen; {ASSUMED_DISCORDANT:.0%} of the records are assumed"
    return Detectable(_of_marks(ASSUMED_DISCORDANT, groups, alpha), reason)


def detectable_beforehand(num_groups: int, *, alpha: float) -> Detectable:
    """What a test set will be able to show in 0/1 marks, from its size alone, before any model has answered.

    As `detectable_difference`, with a fifth of the records assumed to be discordant. Records of one group may all
    be answered alike, so each group counts once: where they are not, somewhat smaller differences can be shown.
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


def _scale(alpha: float) -> float:
    """Standard errors that are shown with a probability of 80 %."""
    return float(stats.norm.isf(alpha / 2) + stats.norm.ppf(POWER))


def _of_marks(discordant: float, groups: int, alpha: float) -> float:
    return min(1.0, max(_scale(alpha) * math.sqrt(discordant / groups), _needed(alpha) / groups))


def _resampled_error(metric: str, pair: Pair) -> float | None:
    if metric not in pair.first_resampled or metric not in pair.second_resampled:
        return None
    with np.errstate(invalid="ignore"):
        shifts = pair.second_resampled[metric] - pair.first_resampled[metric]
    values = shifts[np.isfinite(shifts)]
    return float(values.std(ddof=1)) if len(values) > 1 else None
