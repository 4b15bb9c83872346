"""Shares of records that are no metric of their own, marked 0 or 1 like the accuracy, with its intervals and test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medadapt.core.results import Difference, Estimate
from medadapt.metrics.marking.marks import FloatArray, Tallies
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values

METRIC = "accuracy"


class Shares:
    """Columns (n,) of 0/1 marks by name, all resampled together and once."""

    def __init__(self, marks: Mapping[str, FloatArray], *, plan: Plan, alpha: float) -> None:
        self._plan, self._alpha = plan, alpha
        self._tallies: dict[str, Tallies]
        self._tallies = {
            name: {"records": np.ones(len(column)), "right": column} for name, column in marks.items()
        }
        self._resampled = bootstrap_values(self._tallies, plan)

    def estimate(self, name: str) -> Estimate:
        """The share of records with a mark."""
        found = estimates(
            self._tallies[name],
            self._resampled[name],
            names=[METRIC],
            plan=self._plan,
            alpha=self._alpha,
            missing={},
        )
        return found[METRIC]

    def difference(self, first: str, second: str, *, same_model: bool = False) -> Difference:
        """The share of the second column minus that of the first, on the same records."""
        pair = Pair(
            first=self._tallies[first],
            second=self._tallies[second],
            first_resampled=self._resampled[first],
            second_resampled=self._resampled[second],
            flipped={},
            plan=self._plan,
            alpha=self._alpha,
            same_model=same_model,
        )
        return difference(METRIC, pair)
