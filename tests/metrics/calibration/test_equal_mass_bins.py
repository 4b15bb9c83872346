from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.metrics.calibration.bins import equal_mass_bins


def independent_bins(values, num_bins):
    """Sorted blocks of equal values, each put where its first value falls; numbered without gaps."""
    numbers, start = {}, 0
    for value, block in groupby(sorted(values)):
        numbers[value] = next(k for k in reversed(range(num_bins)) if start * num_bins >= k * len(values))
        start += len(list(block))
    kept = sorted(set(numbers.values()))
    return [kept.index(numbers[value]) for value in values]


@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.integers(1, 15))
def test_bins_are_those_of_an_independent_way_to_cut(values, num_bins):
    found = equal_mass_bins(np.array(values, dtype=np.float64), num_bins)
    assert found.tolist() == independent_bins(values, num_bins)


@pytest.mark.parametrize("n", [15, 61, 500])
def test_without_ties_the_sizes_differ_by_one_at_most(n):
    sizes = np.bincount(equal_mass_bins(np.random.default_rng(0).random(n)))
    assert len(sizes) == 15
    assert sizes.max() - sizes.min() <= 1


def test_ties_stay_together_whatever_the_order_of_the_records():
    values = np.array([0.5] * 40 + [0.6] * 3 + [0.9] * 57)
    mixed = np.random.default_rng(1).permutation(100)
    bins = equal_mass_bins(values)
    assert equal_mass_bins(values[mixed]).tolist() == bins[mixed].tolist()
    assert [len(set(bins[values == value])) for value in (0.5, 0.6, 0.9)] == [1, 1, 1]
