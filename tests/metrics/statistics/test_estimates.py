"""Which interval a share of records gets."""

from __future__ import annotations

import numpy as np
import pytest

from medadapt.core.results import Estimate
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.intervals import expanded_percentile, grouped_wilson, wilson
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values


def _accuracy(right: np.ndarray, group: np.ndarray) -> tuple[Estimate, np.ndarray]:
    """The estimate and the resamples behind it."""
    plan = Plan(group=group, samples=1000, seed=0)
    tallies = {"right": right.astype(float), "records": np.ones(len(right))}
    resampled = bootstrap_values({"m": tallies}, plan)["m"]
    found = estimates(tallies, resampled, names=["accuracy"], plan=plan, alpha=0.05, missing={})
    return found["accuracy"], resampled["accuracy"]


@pytest.mark.parametrize("wrong", [0, 1, 7, 60])
def test_the_share_of_records_that_share_nothing_has_wilsons_interval(wrong):
    right = np.arange(60) >= wrong
    found, _ = _accuracy(right, np.arange(60))
    assert (found.low, found.high) == wilson(1 - wrong / 60, n=60, alpha=0.05)


@pytest.mark.parametrize("places", [[0], [0, 1, 40], range(50)])
def test_the_share_of_records_in_groups_has_what_holds_bootstrap_and_score_interval(places):
    right, group = np.ones(120), np.repeat(np.arange(60), 2)
    right[list(places)] = 0
    found, resampled = _accuracy(right, group)
    percentile = expanded_percentile(resampled, num_groups=60, alpha=0.05)
    score = grouped_wilson(np.bincount(group, right), np.full(60, 2.0), alpha=0.05)
    assert found.low == min(percentile.low, score.low)
    assert found.high == max(percentile.high, score.high)
    assert score.low < percentile.low  # pulled to the middle: the score interval really widens it


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_where_all_groups_are_alike_each_counts_as_one_record(share):
    right = np.tile(np.arange(4) < 4 * share, 30)
    found, _ = _accuracy(right, np.repeat(np.arange(30), 4))
    assert (found.low, found.high) == wilson(share, n=30, alpha=0.05)


def test_a_single_group_has_the_interval_of_one_record():
    found, _ = _accuracy(np.array([1, 1, 0]), np.zeros(3, dtype=np.int64))
    assert (found.low, found.high) == wilson(2 / 3, n=1, alpha=0.05)
