"""What silence buys: the share wrong among the answers that a model is surest of.

Coverage is the share of records that are answered, risk the share wrong among those. Records of equal
confidence are answered in random order, and each figure is its mean over these orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medadapt.metrics.marking.marks import FloatArray, IntArray
from medadapt.metrics.statistics.intervals import wilson

COVERAGES = (0.8, 0.9, 0.95)
MOST_POINTS = 50
CELLS = 32_768
"""Weights (resamples x records) worked on at a time: few enough to stay in a processor's cache."""


def surest_first(confidence_N: FloatArray) -> IntArray:
    """The places of the records from the highest confidence down; equal ones in their given order."""
    return np.argsort(-confidence_N, kind="stable")


def mean_errors(confidence_N: FloatArray, wrong_N: FloatArray) -> FloatArray:
    """(n,) each record's share wrong among all records of its confidence, in the given order."""
    _, tie_N, count_T = np.unique(confidence_N, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(tie_N, wrong_N) / count_T)[tie_N])


def selective_risks(confidence_N: FloatArray, wrong_N: FloatArray) -> FloatArray:
    """(n,) risk among the 1, 2, ... n surest records."""
    errors_N = mean_errors(confidence_N, wrong_N)[surest_first(confidence_N)]
    return np.asarray(np.cumsum(errors_N) / np.arange(1, len(errors_N) + 1))


def area(risk_N: FloatArray) -> float:
    """Area under the risk-coverage curve (AURC): the mean of the risks (Geifman and El-Yaniv, ICLR 2019)."""
    return float(risk_N.mean())


def least_area(num_wrong: int, n: int) -> float:
    """The area of a model with as many errors that is less sure of each error than of any right answer."""
    answered = np.arange(1, n + 1)
    return float((np.maximum(answered - (n - num_wrong), 0) / answered).mean())


def least_area_of_many(risk: FloatArray) -> FloatArray:
    """`least_area` for a share wrong of so many records that their number does not matter."""
    right = 1 - risk
    return np.asarray(risk + right * np.log(np.where(right > 0, right, 1.0)))


def resampled_areas(
    weights_SG: FloatArray, confidence_N: FloatArray, wrong_N: FloatArray, group_N: IntArray
) -> FloatArray:
    """(S,) the area in each resample, in which a group is there `weights` times."""
    order_N = surest_first(confidence_N)
    errors_N, ordered_group_N = mean_errors(confidence_N, wrong_N)[order_N], group_N[order_N]
    rows = max(1, CELLS // len(order_N))
    found = []
    for start in range(0, len(weights_SG), rows):
        weights_RN = weights_SG[start : start + rows][:, ordered_group_N]
        answered_RN = np.cumsum(weights_RN, axis=1)
        wrong_RN = np.cumsum(weights_RN * errors_N, axis=1)
        risk_RN = wrong_RN / np.maximum(answered_RN, 1)  # before the first answer: 0 of nothing, weight 0
        found.append((weights_RN * risk_RN).sum(axis=1) / answered_RN[:, -1])
    return np.concatenate(found)


def curve(
    confidence_N: FloatArray, wrong_N: FloatArray, group_N: IntArray, *, alpha: float
) -> list[dict[str, float]]:
    """At most 50 points of the curve, from few answers to all.

    Each has the `coverage`, the lowest `confidence` answered, and the `risk` with its Wilson interval.
    """
    n, risk_N = len(confidence_N), selective_risks(confidence_N, wrong_N)
    ordered_N = confidence_N[surest_first(confidence_N)]
    places = np.unique(np.linspace(1, n, MOST_POINTS).round().astype(np.int64))
    groups_N = groups_among_surest(confidence_N, group_N)
    points = []
    for answered in places:
        risk = float(risk_N[answered - 1])
        low, high = wilson(risk, n=int(groups_N[answered - 1]), alpha=alpha)
        points.append(
            {
                "coverage": float(answered / n),
                "confidence": float(ordered_N[answered - 1]),
                "risk": risk,
                "low": low,
                "high": high,
            }
        )
    return points


def accuracy_at(
    confidence_N: FloatArray, wrong_N: FloatArray, group_N: IntArray, *, alpha: float
) -> dict[str, dict[str, Any]]:
    """By coverage (`0.8`, `0.9`, `0.95`) the share right among so many of the surest records, with interval.

    The interval is Wilson's, with as many records as there are groups among those answered.
    """
    n, risk_N = len(confidence_N), selective_risks(confidence_N, wrong_N)
    groups_N = groups_among_surest(confidence_N, group_N)
    found = {}
    for coverage in COVERAGES:
        answered = int(np.ceil(round(coverage * n, 9)))
        right = float(min(max(1 - risk_N[answered - 1], 0.0), 1.0))
        low, high = wilson(right, n=int(groups_N[answered - 1]), alpha=alpha)
        found[f"{coverage:g}"] = {"value": right, "low": low, "high": high, "n": answered}
    return found


def groups_among_surest(confidence_N: FloatArray, group_N: IntArray) -> IntArray:
    """(n,) number of different groups among the 1, 2, ... n surest records."""
    ordered_N = group_N[surest_first(confidence_N)]
    first_N = np.zeros(len(ordered_N), dtype=np.int64)
    first_N[np.unique(ordered_N, return_index=True)[1]] = 1
    return np.asarray(np.cumsum(first_N))
