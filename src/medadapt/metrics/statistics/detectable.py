"""How large a difference has to be before this test set can show it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats

from medadapt.metrics.marking.values import ZERO_ONE
from medadapt.metrics.statistics.paired import Pair

POWER = 0.8
ASSUMED_DISCORDANT = 0.2
"""Share of records with one model right and one wrong, where no such record was seen."""


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
    needed = math.ceil(1 + math.log2(1 / pair.alpha))
    if pair.plan.num_groups < needed:
        return Detectable(None, f"it takes at least {needed} independent records to show any difference")
    scale = float(stats.norm.isf(pair.alpha / 2) + stats.norm.ppf(POWER))
    if metric not in ZERO_ONE or pair.plan.shares_groups:
        if error := _resampled_error(metric, pair):
            return Detectable(scale * error, None)
        if metric not in ZERO_ONE:
            return Detectable(None, "the difference shows no spread on this test set")
    column, groups = ZERO_ONE[metric], pair.plan.num_groups
    discordant = float((pair.first[column] != pair.second[column]).mean())
    smallest = needed / groups
    value = min(1.0, max(scale * math.sqrt((discordant or ASSUMED_DISCORDANT) / groups), smallest))
    if discordant:
        return Detectable(value, None)
    return Detectable(value, f"no disagreement was seen; {ASSUMED_DISCORDANT:.0%} of the records are assumed")


def _resampled_error(metric: str, pair: Pair) -> float | None:
    if metric not in pair.first_resampled or metric not in pair.second_resampled:
        return None
    with np.errstate(invalid="ignore"):
        shifts = pair.second_resampled[metric] - pair.first_resampled[metric]
    values = shifts[np.isfinite(shifts)]
    return float(values.std(ddof=1)) if len(values) > 1 else None
