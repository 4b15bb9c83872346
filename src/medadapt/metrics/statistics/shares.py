"""Shares of records that are marked 0 or 1 and no main metric, with the intervals and the test of the accuracy."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from medadapt.core.results import Difference, Estimate
from medadapt.metrics.marking.marks import FloatArray, Tallies
from medadapt.metrics.marking.values import ZERO_ONE
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values


class Shares:
    """Columns (n,) of 0/1 marks by name, all resampled together and once.

    `metric` is what a share of marks is (one of `ZERO_ONE`): by it more are better or worse.
    """

    def __init__(
        self, marks: Mapping[str, FloatArray], *, plan: Plan, alpha: float, metric: str = "accuracy"
    ) -> None:
        self._plan, self._alpha, self._metric = plan, alpha, metric
        self._tallies: dict[str, Tallies]
        self._tallies = {
            name: {"records": np.ones(len(column)), ZERO_ONE[metric]: column}
            for name, column in marks.items()
        }
        # Where no record shares its group, the intervals have formulas and need no resamples.
        self._resampled = (
            bootstrap_values(self._tallies, plan)
            if plan.shares_groups
            else {name: {metric: np.empty(0)} for name in marks}
        )

    def estimate(self, name: str) -> Estimate:
        """The share of records with a mark."""
        found = estimates(
            self._tallies[name],
            self._resampled[name],
            names=[self._metric],
            plan=self._plan,
            alpha=self._alpha,
            missing={},
        )
        return found[self._metric]

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
        return difference(self._metric, pair)
