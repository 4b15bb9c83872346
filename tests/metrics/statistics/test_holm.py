"""Holm's correction against its closed-testing definition, and what it makes of verdicts."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.results import Difference
from medadapt.metrics.statistics.holm import adjust, holm

P_VALUES = st.floats(0, 1, allow_nan=False)


def _closed_testing(p_values: list[float]) -> list[float]:
    """Adjusted p by testing every set of hypotheses with Bonferroni: the largest p of all sets it is in."""
    places = range(len(p_values))
    sets = [group for size in places for group in combinations(places, size + 1)]
    of_set = {group: min(1.0, len(group) * min(p_values[place] for place in group)) for group in sets}
    return [max(p for group, p in of_set.items() if place in group) for place in places]


@given(st.lists(P_VALUES, max_size=7))
def test_it_equals_closed_testing_with_bonferroni(p_values):
    assert holm(p_values) == pytest.approx(_closed_testing(p_values), abs=1e-12)


@given(st.lists(st.sampled_from([0.001, 0.01, 0.02, 0.04, 0.05]), min_size=1, max_size=6), st.randoms())
def test_the_order_does_not_matter_and_equals_stay_equal(p_values, random):
    order = list(range(len(p_values)))
    random.shuffle(order)
    found = holm(p_values)
    assert holm([p_values[place] for place in order]) == pytest.approx([found[place] for place in order])


def test_a_claim_about_any_of_ten_equal_metrics_is_rare():
    random, trials = np.random.default_rng(0), 4000
    alarms = sum(min(holm(list(p_values))) < 0.05 for p_values in random.random((trials, 10)))
    plain = sum(p_values.min() < 0.05 for p_values in np.random.default_rng(0).random((trials, 10)))
    assert alarms / trials <= 0.06
    assert plain / trials > 0.35


def _change(p: float | None, verdict: str = "better") -> Difference:
    return Difference(value=0.1, low=0.01, high=0.2, p=p, test="mcnemar-exact", verdict=verdict)


def test_a_small_p_among_many_is_no_longer_shown():
    found = adjust({"a": _change(0.001), "b": _change(0.03), "c": _change(0.04, "worse")}, alpha=0.05)
    assert [change.p_adjusted for change in found.values()] == pytest.approx([0.003, 0.06, 0.06])
    assert [change.verdict for change in found.values()] == ["better", "not shown", "not shown"]
    assert found["b"].p == 0.03


def test_a_verdict_is_never_made_only_taken_back():
    found = adjust({"a": _change(0.001, "not shown")}, alpha=0.05)
    assert found["a"].verdict == "not shown"


def test_what_was_not_tested_does_not_count():
    found = adjust({"a": _change(0.03), "b": _change(None, "not shown")}, alpha=0.05)
    assert found["a"].p_adjusted == 0.03
    assert found["b"].p_adjusted is None
