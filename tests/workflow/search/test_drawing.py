from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from medadapt.workflow.search.drawing import draw_trials


def numbers(spec: object, count: int = 1500, seed: int = 0) -> np.ndarray:
    return np.array([trial["k"] for trial in draw_trials({"k": spec}, trials=count, seed=seed)])


@pytest.mark.parametrize(
    ("spec", "distribution"),
    [
        ({"log": [5e-5, 5e-3]}, stats.loguniform(5e-5, 5e-3)),
        ({"uniform": [-2, 3]}, stats.uniform(-2, 5)),
    ],
)
def test_numbers_follow_the_distribution_of_their_range(spec: object, distribution: object):
    assert stats.kstest(numbers(spec), distribution.cdf).pvalue > 0.01


def test_whole_numbers_are_equally_frequent_and_reach_both_ends():
    drawn = numbers({"int": [3, 7]})

    assert sorted(set(drawn)) == [3, 4, 5, 6, 7]
    assert stats.chisquare(np.bincount(drawn)[3:]).pvalue > 0.01


def test_a_trial_stays_the_same_when_more_are_asked_for():
    vary = {"a": {"log": [1e-5, 1]}, "b": [1, 2, 3]}

    assert draw_trials(vary, trials=20, seed=4)[:5] == draw_trials(vary, trials=5, seed=4)


def test_varying_one_key_more_leaves_the_draws_of_the_others():
    alone = draw_trials({"a": {"uniform": [0, 1]}}, trials=5, seed=0)
    both = draw_trials({"b": {"uniform": [0, 1]}, "a": {"uniform": [0, 1]}}, trials=5, seed=0)

    assert [trial["a"] for trial in both] == [trial["a"] for trial in alone]
    assert all(trial["a"] != trial["b"] for trial in both)


def test_another_seed_draws_other_trials():
    assert draw_trials({"a": {"uniform": [0, 1]}}, trials=3, seed=1) != draw_trials(
        {"a": {"uniform": [0, 1]}}, trials=3, seed=2
    )


def test_of_lists_each_combination_is_tried_once_at_most():
    drawn = draw_trials({"a": [1, 2, 3], "b": ["x", "y"]}, trials=100, seed=0)

    assert sorted((t["a"], t["b"]) for t in drawn) == sorted(itertools.product([1, 2, 3], ["x", "y"]))


def test_rounded_numbers_never_leave_their_range():
    drawn = numbers({"uniform": [0.999951, 0.999999]})

    assert drawn.min() >= 0.999951
    assert drawn.max() <= 0.999999
