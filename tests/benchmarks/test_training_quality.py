"""How well tuned: what is told of few seeds."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from training_quality import outside_by_chance, student_interval


@pytest.mark.parametrize("seeds", [3, 8])
def test_how_often_equal_trainers_look_different_is_what_drawing_them_gives(seeds):
    draws = np.random.default_rng(0).normal(size=(4_000, 2, seeds))
    outside = 0
    for ours, theirs in draws:
        low, high = student_interval(theirs)
        outside += not low <= ours.mean() <= high
    interval = stats.binomtest(outside, len(draws)).proportion_ci(0.999)
    assert interval.low < outside_by_chance(seeds) < interval.high
