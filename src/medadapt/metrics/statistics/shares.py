"""Shares of records, and differences of two of them, that are no metric of their own.

They are marked 0 or 1 like the accuracy and get its intervals and test.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medadapt.core.results import Difference, Estimate
from medadapt.metrics.marking.marks import FloatArray, Tallies
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values

METRIC = "accuracy"


def shares(marks: Mapping[str, FloatArray], *, plan: Plan, alpha: float) -> dict[str, Estimate]:
    """The share of records with a mark, for each of several columns (n,) of 0/1 marks."""
    tallies = {name: _tallies(column) for name, column in marks.items()}
    resampled = bootstrap_values(tallies, plan)
    return {
        name: estimates(own, resampled[name], names=[METRIC], plan=plan, alpha=alpha, missing={})[METRIC]
        for name, own in tallies.items()
    }


def difference_of_shares(
    first: FloatArray, second: FloatArray, *, plan: Plan, alpha: float, same_model: bool = False
) -> Difference:
    """The share of `second` minus that of `first` on the same records, as for the accuracy of two models."""
    tallies = {"first": _tallies(first), "second": _tallies(second)}
    resampled = bootstrap_values(tallies, plan)
    pair = Pair(
        first=tallies["first"],
        second=tallies["second"],
        first_resampled=resampled["first"],
        second_resampled=resampled["second"],
        flipped={},
        plan=plan,
        alpha=alpha,
        same_model=same_model,
    )
    return difference(METRIC, pair)


def _tallies(marks: FloatArray) -> Tallies:
    return {"records": np.ones(len(marks)), "right": marks}
