"""What a test set can show, by the formula and by simulation."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from medadapt.metrics.statistics import detectable
from medadapt.metrics.statistics.detectable import detectable_beforehand, detectable_difference
from medadapt.metrics.statistics.mcnemar_power import mcnemar_power
from medadapt.metrics.statistics.paired import Pair, sign_flip_p
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values


def _pair(first: np.ndarray, second: np.ndarray, group: np.ndarray | None = None) -> Pair:
    plan = Plan(group=np.arange(len(first)) if group is None else group, samples=2000, seed=0)
    marks = [
        {
            "right": m.astype(float),
            "records": np.ones(len(m)),
            "nll": m.astype(float),
            "bytes": np.ones(len(m)),
            "tokens": np.ones(len(m)),
        }
        for m in (first, second)
    ]
    values = bootstrap_values({"first": marks[0], "second": marks[1]}, plan)
    return Pair(
        first=marks[0],
        second=marks[1],
        first_resampled=values["first"],
        second_resampled=values["second"],
        flipped={},
        plan=plan,
        alpha=0.05,
    )


def _discordant(n: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.zeros(n), np.zeros(n)
    changed = round(n * share)
    first[: changed // 2] = 1
    second[changed // 2 : changed] = 1
    return first, second


@pytest.mark.parametrize(("n", "points"), [(500, 5.7), (1273, 3.6), (4183, 2.0), (61, 16)])
def test_a_fifth_discordant_gives_the_points_of_the_exact_test(n, points):
    found = detectable_difference("accuracy", _pair(*_discordant(n, 0.2)))
    assert 100 * found.value == pytest.approx(points, abs=0.5 if n == 61 else 0.06)
    assert found.reason is None


@pytest.mark.parametrize(("groups", "points"), [(500, 5.7), (1273, 3.6), (4183, 2.0), (61, 16)])
def test_before_tuning_the_size_alone_gives_the_points_of_the_exact_test(groups, points):
    found = detectable_beforehand(groups, alpha=0.05)
    assert 100 * found.value == pytest.approx(points, abs=0.5 if groups == 61 else 0.06)
    assert found.reason is None


def test_before_tuning_it_is_what_a_test_set_with_a_fifth_discordant_shows_afterwards():
    afterwards = detectable_difference("accuracy", _pair(*_discordant(500, 0.2)))
    assert detectable_beforehand(500, alpha=0.05) == afterwards


def test_before_tuning_a_stricter_alpha_shows_less_and_a_tiny_set_nothing():
    assert detectable_beforehand(61, alpha=0.01).value > detectable_beforehand(61, alpha=0.05).value
    assert detectable_beforehand(5, alpha=0.05).value is None
    assert "at least 6" in detectable_beforehand(5, alpha=0.05).reason
    assert detectable_beforehand(6, alpha=0.05).value == pytest.approx(0.8 ** (1 / 6))  # all six must change


@pytest.mark.parametrize("alpha", [0.4, 0.25, 0.2, 0.125, 0.1, 0.0625, 0.05, 0.03125, 0.01, 0.001])
def test_it_takes_as_many_records_as_the_exact_test_needs_for_a_p_below_alpha(alpha):
    """By trying 1, 2, 3 and more records that one model alone has right, in exact arithmetic."""
    smallest = {number: Fraction(2, 2**number) for number in range(1, 30)}
    needed = min(number for number, p in smallest.items() if p < Fraction(alpha))
    assert sign_flip_p(np.ones(needed)) == pytest.approx(float(smallest[needed]), rel=1e-12)
    assert detectable_beforehand(needed, alpha=alpha).value == pytest.approx(0.8 ** (1 / needed))
    assert detectable_beforehand(needed - 1, alpha=alpha).value is None


def test_without_a_discordant_record_a_fifth_is_assumed_and_said():
    right = np.ones(61)
    found = detectable_difference("accuracy", _pair(right, right))
    assert found.value == pytest.approx(2.8 * np.sqrt(0.2 / 61), rel=0.01)
    assert "20%" in found.reason


def test_a_few_discordant_records_cannot_promise_what_the_exact_test_cannot_show():
    first, second = np.zeros(61), np.zeros(61)
    second[0] = 1
    found = detectable_difference("accuracy", _pair(first, second))
    assert stats.binom.sf(5, 61, found.value) == pytest.approx(0.8)  # 6 discordant records or more
    assert sign_flip_p(np.ones(5)) > 0.05 > sign_flip_p(np.ones(6))


@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_fewer_records_than_the_test_needs_can_show_nothing(metric: str):
    first, second = np.zeros(5), np.ones(5)
    second[0] = 2

    found = detectable_difference(metric, _pair(first, second))

    assert found.value is None
    assert "at least 6 independent records" in found.reason


def test_shared_groups_make_less_detectable():
    random = np.random.default_rng(0)
    effects = np.repeat(random.choice([-1, 0, 1], 40), 5)
    first, second = (effects < 0).astype(float), (effects > 0).astype(float)
    alone = detectable_difference("accuracy", _pair(first, second))
    grouped = detectable_difference("accuracy", _pair(first, second, np.repeat(np.arange(40), 5)))
    assert grouped.value > 1.8 * alone.value


def test_other_metrics_use_the_spread_of_the_paired_bootstrap():
    random = np.random.default_rng(0)
    first, second = random.gamma(2, 1, (2, 200))
    found = detectable_difference("bits_per_byte", _pair(first, second))
    wanted = 2.8 * (second - first).std() / np.log(2) / np.sqrt(200)
    assert found.value == pytest.approx(wanted, rel=0.06)


def test_equal_likelihoods_have_no_detectable_difference():
    same = np.linspace(1, 2, 30)
    found = detectable_difference("bits_per_byte", _pair(same, same))
    assert found.value is None
    assert found.reason


def test_the_detectable_difference_is_shown_four_times_in_five():
    n, random = 500, np.random.default_rng(3)
    size = detectable_difference("accuracy", _pair(*_discordant(n, 0.2))).value
    draws = random.multinomial(n, [0.1 - size / 2, 0.1 + size / 2, 0.8], size=1500)
    shown = [sign_flip_p(np.repeat([-1, 1], [lost, gained])) < 0.05 for lost, gained, _ in draws]
    assert 0.74 <= np.mean(shown) <= 0.84


def test_a_metric_that_one_model_lacks_has_no_detectable_difference():
    whole = _pair(*_discordant(60, 0.2))
    bare = replace(whole, second={"records": np.ones(60)})
    for metric in ("accuracy", "bits_per_byte"):
        assert detectable_difference(metric, bare) == (None, "not computed for both models")


def test_groups_of_records_cannot_promise_what_the_exact_test_cannot_show_either():
    before, after = np.zeros(100), np.zeros(100)
    after[0] = 1
    pair = _pair(before, after, np.repeat(np.arange(50), 2))
    assert stats.binom.sf(5, 100, detectable_difference("accuracy", pair).value) >= 0.8


@pytest.mark.parametrize("n", [8, 20, 61, 100, 300])
@pytest.mark.parametrize("discordant", [0, 1, 3, 6])
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_it_is_the_smallest_difference_with_a_power_of_80_percent(n, discordant, alpha):
    first = np.zeros(n)
    second = np.repeat([1.0, 0.0], [discordant, n - discordant])
    value = detectable_difference("accuracy", replace(_pair(first, second), alpha=alpha)).value

    def power(difference: float) -> float:
        disagreement = max(difference, discordant / n or 0.2)
        return mcnemar_power(n, disagreement=disagreement, difference=difference, alpha=alpha)

    assert power(value) == pytest.approx(0.8, abs=1e-6)
    assert power(0.99 * value) < 0.8


def test_more_disagreement_than_was_seen_is_assumed_where_the_difference_needs_it_and_said():
    first, second = np.zeros(100), np.zeros(100)
    second[0] = 1
    found = detectable_difference("accuracy", _pair(first, second))
    assert found.reason == "disagreement on 7.8% of the records is assumed, all in one direction; 1% was seen"
    few = detectable_difference("accuracy", _pair(np.ones(20), np.ones(20)))
    assert few.reason == "disagreement on 37% of the records is assumed, all in one direction; none was seen"
    many, changed = np.zeros(4183), np.zeros(4183)
    changed[:3] = 1
    large = detectable_difference("accuracy", _pair(many, changed))
    assert (
        large.reason
        == "disagreement on 0.19% of the records is assumed, all in one direction; 0.072% was seen"
    )


@pytest.mark.parametrize("alpha", [0.4, 0.05, 0.01, 0.001])
@pytest.mark.parametrize("discordant", [0.002, 0.05, 0.2, 0.5, 0.9])
def test_the_normal_formula_takes_over_where_it_agrees_with_the_exact_power(discordant, alpha, monkeypatch):
    n = math.floor(detectable.EXACT_UP_TO / discordant)
    exact = detectable._of_marks(discordant, n, alpha)
    monkeypatch.setattr(detectable, "EXACT_UP_TO", 0)
    assert detectable._of_marks(discordant, n, alpha) == pytest.approx(exact, rel=0.02)


def test_between_few_groups_the_spread_is_itself_uncertain():
    """10 groups of 10 records that vary as independent ones do: the test by groups on draws with that difference."""
    gains = np.zeros((10, 10))
    for group, (won, lost) in zip(gains, [(2, 0), (0, 2), (1, 0), (0, 1), (2, 2)] * 2, strict=True):
        group[:won], group[won : won + lost] = 1, -1
    gains = gains.ravel()
    groups = np.repeat(np.arange(10), 10)
    size = detectable_difference("accuracy", _pair((gains < 0) * 1.0, (gains > 0) * 1.0, groups)).value

    random = np.random.default_rng(5)
    shares = [0.1 - size / 2, 0.8, 0.1 + size / 2]
    draws = random.choice([-1.0, 0.0, 1.0], p=shares, size=(600, 10, 10)).sum(axis=2)
    assert np.mean([sign_flip_p(drawn) < 0.05 for drawn in draws]) > 0.76


def test_of_few_records_other_metrics_need_more_standard_errors():
    """By Student's t with 9 degrees of freedom: 2.262 + 0.883."""
    before, after = np.zeros(10), np.linspace(-1, 1, 10)
    error = (after / np.log(2)).std(ddof=1) / np.sqrt(10)
    found = detectable_difference("bits_per_byte", _pair(before, after))
    assert found.value == pytest.approx((2.262 + 0.883) * error, rel=0.06)
