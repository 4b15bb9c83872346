from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medadapt.workflow.search.drawing import draw_trials

WHOLE = st.tuples(st.integers(-20, 20), st.integers(1, 12)).map(lambda ends: {"int": [ends[0], sum(ends)]})
LISTS = st.lists(st.one_of(st.integers(-3, 3), st.booleans(), st.sampled_from("xy")), min_size=1, max_size=5)
NUMBERS = st.tuples(st.floats(0.1, 0.2), st.floats(0.3, 9)).map(list)
SPECS = st.one_of(
    WHOLE, LISTS, NUMBERS.map(lambda ends: {"uniform": ends}), NUMBERS.map(lambda ends: {"log": ends})
)
VARIED = st.dictionaries(st.sampled_from(["a", "b", "c"]), SPECS, min_size=1)
COUNTED = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.one_of(WHOLE, LISTS), min_size=1)
SEEDS = st.integers(0, 2**31)


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
    trials = draw_trials({"k": {"int": [3, 7]}, "other": {"uniform": [0, 1]}}, trials=1500, seed=0)
    drawn = np.array([trial["k"] for trial in trials])

    assert sorted(set(drawn)) == [3, 4, 5, 6, 7]
    assert stats.chisquare(np.bincount(drawn)[3:]).pvalue > 0.01


@given(VARIED, SEEDS, st.integers(1, 12), st.booleans())
def test_a_trial_stays_the_same_when_more_are_asked_for(
    vary: dict[str, Any], seed: int, few: int, repeats: bool
):
    more = draw_trials(vary, trials=20, seed=seed, repeats=repeats)

    assert more[:few] == draw_trials(vary, trials=few, seed=seed, repeats=repeats)


@given(VARIED, SEEDS)
def test_a_trial_stays_the_same_when_the_keys_are_written_in_another_order(vary: dict[str, Any], seed: int):
    turned = dict(reversed(vary.items()))

    assert draw_trials(turned, trials=12, seed=seed) == draw_trials(vary, trials=12, seed=seed)


@given(VARIED, SEEDS)
def test_no_two_trials_have_the_same_values(vary: dict[str, Any], seed: int):
    drawn = [repr(trial) for trial in draw_trials(vary, trials=40, seed=seed)]

    assert len(drawn) == len(set(drawn))


@given(COUNTED, SEEDS)
def test_of_lists_and_whole_numbers_all_combinations_come_before_the_trials_end(
    vary: dict[str, Any], seed: int
):
    values = [
        range(spec["int"][0], spec["int"][1] + 1) if isinstance(spec, dict) else {repr(one) for one in spec}
        for spec in vary.values()
    ]

    assert len(draw_trials(vary, trials=10_000, seed=seed)) == len(list(itertools.product(*values)))


@given(WHOLE, SEEDS)
def test_whole_numbers_are_drawn_as_their_list_is(whole: dict[str, list[int]], seed: int):
    low, high = whole["int"]
    listed = draw_trials({"a": list(range(low, high + 1)), "b": [1, 2]}, trials=9, seed=seed)

    assert draw_trials({"a": whole, "b": [1, 2]}, trials=9, seed=seed) == listed


def test_too_many_whole_numbers_for_a_list_are_drawn_without_repeats():
    drawn = [trial["a"] for trial in draw_trials({"a": {"int": [1, 20_000]}}, trials=1500, seed=0)]

    assert (len(set(drawn)), min(drawn) >= 1, max(drawn) <= 20_000) == (1500, True, True)


def test_where_a_range_holds_one_number_only_there_is_one_trial():
    assert draw_trials({"a": {"uniform": [0.999951, 0.999999]}}, trials=8, seed=0) == [{"a": 0.999999}]


def test_a_search_that_began_with_repeats_goes_on_with_them():
    whole = draw_trials({"lora.rank": {"int": [4, 8]}}, trials=8, seed=0, repeats=True)
    listed = draw_trials({"b": ["x", "y"], "a": [1, 2]}, trials=4, seed=0, repeats=True)

    assert [trial["lora.rank"] for trial in whole] == [7, 4, 8, 6, 6, 8, 7, 6]
    assert [tuple(trial.values()) for trial in listed] == [("x", 1), ("y", 1), ("x", 2), ("y", 2)]


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
    drawn = numbers({"uniform": [0.99951, 0.99999]})

    assert drawn.min() == 0.99951
    assert drawn.max() == 0.99999
