"""The confidence below which a model keeps silent, so that it is wrong no more often than was wished for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from medadapt.metrics.calibration.risk_coverage import groups_among_surest, surest_first
from medadapt.metrics.marking.marks import FloatArray, IntArray

LEVEL = 0.95
"""How sure it is that the risk is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Answer where the confidence is at least `value`."""

    value: float | None
    """None where no threshold keeps the risk."""
    coverage: float | None = None
    """Share of the validation records that it answers."""
    risk: float | None = None
    """Share wrong among those."""
    bound: float | None = None
    """Upper end of the one-sided 95 % interval of `risk`; at most the risk wished for."""
    reason: str | None = None


def upper_bounds(risk: FloatArray, n: FloatArray | IntArray, *, level: float = LEVEL) -> FloatArray:
    """One-sided upper ends for shares of n independent records (Clopper and Pearson, Biometrika 1934).

    >>> upper_bounds(np.array([0.0, 1.0]), np.array([29, 29])).round(4).tolist()
    [0.0981, 1.0]
    """
    wrong = risk * n
    open_ended = wrong < n
    bounds = stats.beta.ppf(level, wrong + 1, np.where(open_ended, n - wrong, 1))
    return np.where(open_ended, bounds, 1.0)


def choose_threshold(
    confidence_N: FloatArray, right_N: FloatArray, group_N: IntArray, *, risk: float
) -> Threshold:
    """The lowest threshold whose risk, and that of those tried before it, is at most `risk` for 95 % sure.

    Thresholds are tried from high to low until one fails. Picking the best of all would break the promise:
    with a confidence that says nothing, up to 30 % of validation sets of 1,000 let some threshold pass by chance
    (simulated). In a sequence fixed beforehand the first failure ends the search and the promise holds
    (fixed-sequence testing: Angelopoulos et al., Learn then Test, 2021). It starts where half the wished
    risk would pass or, if it would nowhere, where no error at all would. Records of one group count as one.
    """
    tried = _candidates(confidence_N, 1 - right_N, group_N)
    bounds_C = upper_bounds(tried.risk, tried.groups)
    half_C, none_C = (upper_bounds(np.full(len(bounds_C), share), tried.groups) for share in (risk / 2, 0.0))
    could_pass = np.flatnonzero(half_C <= risk) if (half_C <= risk).any() else np.flatnonzero(none_C <= risk)
    if not len(could_pass):
        needed = int(np.ceil(np.log(1 - LEVEL) / np.log1p(-risk)))
        return Threshold(
            value=None,
            reason=f"a risk of {risk:g} takes at least {needed} independent validation records, all right, and "
            f"there are {tried.groups[-1]}",
        )
    start = int(could_pass[0])
    passed = int(np.argmin(np.append(bounds_C[start:] <= risk, [False])))
    if not passed:
        return Threshold(
            value=None,
            reason=f"no threshold keeps the risk at {risk:g} on the validation records with {LEVEL:.0%} certainty",
        )
    last = start + passed - 1
    return Threshold(
        value=float(tried.confidence[last]),
        coverage=float(tried.answered[last] / len(confidence_N)),
        risk=float(tried.risk[last]),
        bound=float(bounds_C[last]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidates:
    """Every confidence there is as a threshold, from high to low, and what it answers: (C,) each."""

    confidence: FloatArray
    answered: IntArray
    groups: IntArray
    risk: FloatArray


def _candidates(confidence_N: FloatArray, wrong_N: FloatArray, group_N: IntArray) -> _Candidates:
    order_N = surest_first(confidence_N)
    ordered_N = confidence_N[order_N]
    last_of_ties = np.flatnonzero(np.append(np.diff(ordered_N) != 0, [True]))
    answered = last_of_ties + 1
    return _Candidates(
        confidence=ordered_N[last_of_ties],
        answered=answered,
        groups=groups_among_surest(confidence_N, group_N)[last_of_ties],
        risk=np.cumsum(wrong_N[order_N])[last_of_ties] / answered,
    )
