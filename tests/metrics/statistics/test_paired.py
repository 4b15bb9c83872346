"""Paired tests: exact p values, verdicts and equal models. The rate of false verdicts: `test_simulations.py`."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from medadapt.metrics.marking.marks import mark_decisions, on_grid
from medadapt.metrics.statistics.intervals import Interval
from medadapt.metrics.statistics.paired import Pair, difference, flip_p, sign_flip_p, verdict
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values, flipped_differences


def _pair(first: dict, second: dict, plan: Plan, *, same_model: bool = False) -> Pair:
    resampled = bootstrap_values({"first": first, "second": second}, plan)
    return Pair(
        first=first,
        second=second,
        first_resampled=resampled["first"],
        second_resampled=resampled["second"],
        flipped=flipped_differences(first, second, plan),
        plan=plan,
        alpha=0.05,
        same_model=same_model,
    )


def _marks(right: np.ndarray) -> dict[str, np.ndarray]:
    return {"right": right.astype(float), "records": np.ones(len(right))}


def _decided(right: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Marks of decisions among three labels, of which a wrong one names the next."""
    names = ["a", "b", "c"]
    chosen = np.where(right > 0, labels, (labels + 1) % 3)
    return mark_decisions([names[n] for n in labels], [names[n] for n in chosen], names)


def _nats(nll: np.ndarray, tokens: np.ndarray) -> dict[str, np.ndarray]:
    return {"nll": nll, "tokens": tokens, "bytes": 4 * tokens}


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 20))
def test_p_of_single_records_is_mcnemars(first_only, second_only, ties):
    gains = np.array([-1] * first_only + [1] * second_only + [0] * ties)
    discordant = first_only + second_only
    wanted = stats.binomtest(second_only, discordant).pvalue if discordant else 1.0
    assert sign_flip_p(gains) == pytest.approx(wanted, rel=1e-9)


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_p_of_groups_counts_all_swaps(gains):
    swapped = [abs(np.dot(signs, gains)) for signs in product((-1, 1), repeat=len(gains))]
    wanted = np.mean(np.array(swapped) >= abs(sum(gains)))
    assert sign_flip_p(np.array(gains)) == pytest.approx(wanted, abs=1e-9)


@given(st.lists(st.fractions(-1, 1, max_denominator=6), min_size=1, max_size=7))
def test_swaps_that_give_the_difference_again_count_although_marks_lie_on_a_grid(gains):
    signs = list(product((-1, 1), repeat=len(gains)))
    sums = [sum(sign * gain for sign, gain in zip(row, gains, strict=True)) for row in signs]
    as_large = sum(abs(other) >= abs(sum(gains)) for other in sums)  # in whole fractions, without rounding
    rounded = on_grid([float(gain) for gain in gains])
    flipped = np.array(signs) @ rounded / len(gains)
    assert flip_p(rounded.mean(), flipped) == (1 + as_large) / (1 + len(signs))


def test_p_stays_exact_for_thousands_of_groups():
    gains = np.array([1] * 2300 + [-1] * 2000)
    assert sign_flip_p(gains) == pytest.approx(stats.binomtest(2300, 4300).pvalue, rel=1e-6)


@pytest.mark.parametrize(
    ("metric", "low", "high", "p", "wanted"),
    [
        ("accuracy", 0.01, 0.2, 0.01, "better"),
        ("accuracy", -0.2, -0.01, 0.01, "worse"),
        ("accuracy", -0.01, 0.2, 0.01, "not shown"),
        ("accuracy", 0.01, 0.2, 0.05, "not shown"),
        ("loss", -0.2, -0.01, 0.01, "better"),
        ("bits_per_byte", 0.01, 0.2, 0.01, "worse"),
        ("perplexity", 0.0, 0.2, 0.01, "not shown"),
    ],
)
def test_verdict_needs_both_p_and_interval_on_the_good_side(metric, low, high, p, wanted):
    assert verdict(metric, Interval(low, high), p, alpha=0.05) == wanted


@pytest.mark.parametrize(("gained", "lost", "alpha"), [(5, 0, 2 / 2**5), (6, 1, 16 / 2**7)])
def test_a_p_that_equals_alpha_is_not_below_it_whatever_rounding_does(gained, lost, alpha):
    p = sign_flip_p(np.repeat([1, -1], [gained, lost]))
    assert p == pytest.approx(alpha, rel=1e-14)
    assert verdict("accuracy", Interval(0.1, 0.9), p, alpha=alpha) == "not shown"


def test_a_clear_gain_is_better_by_mcnemar(independent):
    before = np.array([0] * 30 + [1] * 31)
    after = np.array([1] * 25 + [0] * 5 + [1] * 31)
    found = difference("accuracy", _pair(_marks(before), _marks(after), independent(61)))
    assert found.test == "mcnemar-exact"
    assert found.value == pytest.approx(25 / 61)
    assert found.p == pytest.approx(2 * 0.5**25)
    assert found.verdict == "better"


def test_a_lower_loss_is_better(independent):
    random = np.random.default_rng(0)
    tokens = random.integers(5, 30, 100).astype(float)
    before = tokens * random.normal(3, 0.3, 100)
    found = difference(
        "loss", _pair(_nats(before, tokens), _nats(before - 0.5 * tokens, tokens), independent(100))
    )
    assert found.test == "paired-bootstrap"
    assert found.value == pytest.approx(-0.5)
    assert found.high < 0
    assert found.verdict == "better"


def test_one_model_against_itself_differs_by_nothing(independent):
    random = np.random.default_rng(0)
    tokens = random.integers(5, 30, 61).astype(float)
    marks = {**_marks(random.random(61) < 0.4), **_nats(tokens * 2.5, tokens)}
    pair = _pair(marks, dict(marks), independent(61), same_model=True)
    for metric in ("accuracy", "loss", "perplexity", "bits_per_byte"):
        found = difference(metric, pair)
        assert (found.value, found.low, found.high, found.p) == (0, 0, 0, 1)
        assert found.verdict == "not shown"


def test_the_same_decisions_of_different_models_leave_a_width(independent):
    right = np.arange(61) % 3 == 0
    found = difference("accuracy", _pair(_marks(right), _marks(right), independent(61)))
    assert found.value == 0
    assert found.low < 0 < found.high


def test_records_that_share_groups_count_as_their_groups():
    group = np.repeat(np.arange(6), 20)
    before, after = np.zeros(120), np.repeat([1, 1, 1, 1, 0, 0], 20)
    found = difference(
        "accuracy", _pair(_marks(before), _marks(after), Plan(group=group, samples=500, seed=0))
    )
    assert found.test == "group-sign-flip"
    assert found.p == pytest.approx(2 * 0.5**4)
    assert found.verdict == "not shown"  # 80 gains, but of four documents only


def test_groups_that_all_change_alike_still_leave_a_width():
    group = np.repeat(np.arange(10), 3)
    pair = _pair(_marks(np.zeros(30)), _marks(np.ones(30)), Plan(group=group, samples=500, seed=0))
    found = difference("accuracy", pair)
    assert 0.3 < found.low < 1
    assert found.high == 1


def test_one_group_shows_nothing():
    tokens = np.full(5, 4.0)
    pair = _pair(
        _nats(tokens * 3, tokens), _nats(tokens, tokens), Plan(group=np.zeros(5, int), samples=200, seed=0)
    )
    found = difference("loss", pair)
    assert found.low is None
    assert "two groups" in found.reason
    assert found.verdict == "not shown"


def test_a_perplexity_beyond_all_numbers_is_null_with_a_reason(independent):
    tokens = np.ones(10)
    found = difference(
        "perplexity", _pair(_nats(tokens * 2, tokens), _nats(tokens * 2000, tokens), independent(10))
    )
    assert (found.value, found.p, found.verdict) == (None, None, "not shown")
    assert found.reason


def test_grouped_differences_cover_and_rarely_alarm():
    random = np.random.default_rng(4)
    group, trials = np.repeat(np.arange(40), 5), 500
    covered = alarms = 0
    for trial in range(trials):
        shift = np.repeat(random.normal(0, 0.25, (2, 40)), 5, axis=1)  # each model has its own weak documents
        before, after = (random.random(200) < np.clip(0.6 + row, 0, 1) for row in shift)
        found = difference(
            "accuracy", _pair(_marks(before), _marks(after), Plan(group=group, samples=400, seed=trial))
        )
        covered += found.low <= 0 <= found.high
        alarms += found.verdict != "not shown"
    assert 0.92 <= covered / trials <= 0.98
    assert alarms / trials <= 0.065


def test_changes_that_no_resample_varies_get_no_interval_but_keep_their_verdict(independent):
    n = 60
    wrong, right = np.zeros(n), np.ones(n)
    labels = np.arange(n) % 3
    for before, wanted in ((right, "not shown"), (wrong, "better")):
        first, second = (_decided(marks, labels) for marks in (before, right))
        found = difference("macro_f1", _pair(first, second, independent(n)))
        assert (found.low, found.high, found.verdict) == (None, None, wanted)
        assert "how far it would vary is unknown" in found.reason


def test_groups_that_change_alike_leave_a_width_whatever_rounding_does():
    plan = Plan(group=np.repeat(np.arange(12), 3), samples=500, seed=0)
    before = np.tile([[1, 0, 0], [0, 0, 0], [1, 1, 0]], (4, 1)).ravel()
    after = np.tile([[1, 1, 0], [1, 0, 0], [1, 1, 1]], (4, 1)).ravel()
    found = difference("accuracy", _pair(_marks(before), _marks(after), plan))
    assert found.value == pytest.approx(1 / 3)
    assert found.high - found.low > 0.2


def test_a_rare_change_among_records_of_groups_is_no_more_certain_than_among_independent_ones(independent):
    before, after = np.zeros(120), np.zeros(120)
    after[0] = 1
    grouped = Plan(group=np.repeat(np.arange(40), 3), samples=1000, seed=0)
    together = difference("accuracy", _pair(_marks(before), _marks(after), grouped))
    apart = difference("accuracy", _pair(_marks(before), _marks(after), independent(120)))
    assert together.low <= apart.low
    assert together.high >= apart.high
