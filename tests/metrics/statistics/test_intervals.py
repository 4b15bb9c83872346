"""Intervals against independent implementations, brute force and simulated coverage."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from medadapt.metrics.statistics.intervals import expanded_percentile, grouped_wilson, tango, wilson


@given(st.integers(1, 400), st.data(), st.sampled_from([0.01, 0.05, 0.2]))
def test_wilson_equals_scipys_interval(n, data, alpha):
    right = data.draw(st.integers(0, n))
    wanted = stats.binomtest(right, n).proportion_ci(confidence_level=1 - alpha, method="wilson")
    assert wilson(right / n, n=n, alpha=alpha) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_61_of_61_right_leaves_room_for_doubt():
    low, high = wilson(1.0, n=61, alpha=0.05)
    assert round(low, 3) == 0.941
    assert high == 1.0


@pytest.mark.parametrize("n", [30, 61, 100, 500])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.8])
def test_wilson_covers_the_true_share_19_times_in_20(n, share):
    right = np.arange(n + 1)
    ends = [wilson(k / n, n=n, alpha=0.05) for k in right]
    covered = sum(
        stats.binom.pmf(k, n, share)
        for k, (low, high) in zip(right, ends, strict=True)
        if low <= share <= high
    )
    assert 0.93 <= covered <= 0.97


def _score_interval(share: float, n: float, quantile: float) -> tuple[float, float]:
    """The shares whose score statistic is exactly `quantile`, by bisection."""

    def excess(true: float) -> float:
        return (share - true) ** 2 - quantile**2 * true * (1 - true) / n

    ends = [optimize.bisect(excess, *between, xtol=1e-15) for between in ((0, share), (share, 1))]
    return ends[0], ends[1]


def test_at_the_effective_size_of_equal_groups_the_error_is_that_of_their_means():
    right = np.array([3, 3, 2, 3, 3, 0, 3, 3, 1, 3, 3, 3], dtype=float)
    share, error = right.mean() / 3, stats.sem(right / 3)
    wanted = _score_interval(share, share * (1 - share) / error**2, stats.t.isf(0.025, 11))
    found = grouped_wilson(right, np.full(12, 3.0), alpha=0.05)
    assert found == pytest.approx(wanted, abs=1e-9)


def test_at_the_effective_size_of_unequal_groups_the_error_is_the_sandwich_of_a_regression():
    random = np.random.default_rng(4)
    size = random.integers(1, 6, 25)
    marks = (random.random(size.sum()) < np.repeat(random.beta(2, 0.5, 25), size)).astype(float)
    group = np.repeat(np.arange(25), size)
    design = np.ones((len(marks), 1))  # a regression on the constant alone, clustered by group
    bread = np.linalg.inv(design.T @ design)
    rest = marks - design @ bread @ design.T @ marks
    same_group = group[:, None] == group[None, :]
    variance = (
        25 / 24 * float((bread @ design.T @ (np.outer(rest, rest) * same_group) @ design @ bread)[0, 0])
    )
    share = marks.mean()
    wanted = _score_interval(share, share * (1 - share) / variance, stats.t.isf(0.05, 24))
    found = grouped_wilson(np.bincount(group, marks), size.astype(float), alpha=0.1)
    assert share * (1 - share) / variance < len(marks)
    assert found == pytest.approx(wanted, abs=1e-9)


def test_groups_that_agree_by_chance_count_as_no_more_records_than_there_are():
    right = np.array([1.0, 1, 1, 1, 1, 1, 1, 1, 1, 2])  # of 2 each: far more even than independent records
    wanted = _score_interval(0.55, 20, stats.t.isf(0.025, 9))
    assert grouped_wilson(right, np.full(10, 2.0), alpha=0.05) == pytest.approx(wanted, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30))
def test_the_interval_of_groups_holds_the_share_and_mirrors(counts):
    right, wrong = np.array(counts, dtype=float).T
    kept = right + wrong > 0
    right, wrong = right[kept], wrong[kept]
    assume(len(right) > 1 and np.ptp(right / (right + wrong)) > 0)
    low, high = grouped_wilson(right, right + wrong, alpha=0.05)
    assert 0 <= low <= right.sum() / (right + wrong).sum() <= high <= 1
    assert grouped_wilson(wrong, right + wrong, alpha=0.05) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def _constrained_share(first_only: int, second_only: int, n: int, difference: float) -> float:
    """The likeliest share of records that only the first model has right, given the difference.

    Where the slope of the log-likelihood is 0, found by bisection: not by the quadratic formula of the code.
    """
    rest = n - first_only - second_only

    def slope(share: float) -> float:
        cells = (
            (first_only, share, 1),
            (second_only, share + difference, 1),
            (rest, 1 - 2 * share - difference, -2),
        )
        return sum(sign * count / chance for count, chance, sign in cells if count)

    floor, ceiling = max(0.0, -difference), (1 - difference) / 2
    low, high = floor + 1e-14, ceiling - 1e-14
    if slope(low) <= 0:
        return floor
    if slope(high) >= 0:
        return ceiling
    return optimize.bisect(slope, low, high, xtol=1e-16, maxiter=200)


def _tango_by_bisection(first_only: int, second_only: int, n: int, alpha: float) -> tuple[float, float]:
    """The differences whose score statistic is exactly z, from the definition in Tango's paper."""
    z = stats.norm.isf(alpha / 2)
    estimate = (second_only - first_only) / n

    def statistic(difference: float) -> float:
        share = _constrained_share(first_only, second_only, n, difference)
        variance = (2 * share + difference - difference**2) / n
        return (estimate - difference) / np.sqrt(variance)

    low = optimize.bisect(lambda d: statistic(d) - z, -0.9999, estimate - 1e-6, xtol=1e-14, maxiter=200)
    high = optimize.bisect(lambda d: statistic(d) + z, estimate + 1e-6, 0.9999, xtol=1e-14, maxiter=200)
    return low, high


@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(
    ("first_only", "second_only", "n"),
    [(2, 12, 50), (7, 18, 61), (1, 3, 30), (10, 10, 100), (3, 0, 40), (0, 5, 61), (0, 0, 61), (120, 90, 500)],
)
def test_tango_inverts_the_score_test(first_only, second_only, n, alpha):
    wanted = _tango_by_bisection(first_only, second_only, n, alpha)
    assert tango(first_only, second_only, n=n, alpha=alpha) == pytest.approx(wanted, abs=1e-9)


def test_tango_has_a_width_where_no_record_is_discordant():
    z = stats.norm.isf(0.025)
    edge = z * z / (61 + z * z)
    assert tango(0, 0, n=61, alpha=0.05) == pytest.approx((-edge, edge), abs=1e-9)


def test_tango_stays_within_one_where_every_record_is_discordant():
    low, high = tango(0, 20, n=20, alpha=0.05)
    assert 0.5 < low < 1
    assert high == 1.0


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 40))
def test_tango_holds_the_estimate_and_mirrors(first_only, second_only, rest):
    n = first_only + second_only + rest
    low, high = tango(first_only, second_only, n=n, alpha=0.05)
    assert -1 <= low <= (second_only - first_only) / n <= high <= 1
    assert tango(second_only, first_only, n=n, alpha=0.05) == pytest.approx((-high, -low), abs=1e-9)


@pytest.mark.parametrize("n", [30, 61, 100])
def test_tango_covers_the_true_difference_19_times_in_20(n):
    random = np.random.default_rng(7)
    draws = random.multinomial(n, [0.12, 0.25, 0.63], size=2000)
    ends = [tango(first, second, n=n, alpha=0.05) for first, second, _ in draws]
    assert 0.93 <= np.mean([low <= 0.13 <= high for low, high in ends]) <= 0.97


def test_expanded_percentiles_of_a_mean_agree_with_the_t_interval():
    random = np.random.default_rng(0)
    values = random.normal(size=25)
    resampled = random.choice(values, size=(40_000, 25)).mean(axis=1)
    wanted = stats.t.interval(0.95, 24, loc=values.mean(), scale=stats.sem(values))
    found = expanded_percentile(resampled, num_groups=25, alpha=0.05)
    assert found == pytest.approx(wanted, abs=0.04)
    plain = np.quantile(resampled, [0.025, 0.975])
    assert found.high - found.low > 1.05 * (plain[1] - plain[0])  # the widening is really there


def test_expanded_percentiles_are_scipys_percentile_interval_further_out():
    random = np.random.default_rng(0)
    values = random.normal(size=25)
    resampled = random.choice(values, size=(2000, 25)).mean(axis=1)
    tail = stats.norm.cdf(np.sqrt(25 / 24) * stats.t.ppf(0.025, 24))
    wanted = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=resampled),
        confidence_level=1 - 2 * tail,
        method="percentile",
    ).confidence_interval
    found = expanded_percentile(resampled, num_groups=25, alpha=0.05)
    assert found == pytest.approx(tuple(wanted), abs=1e-9)


def test_one_group_has_no_interval():
    assert expanded_percentile(np.zeros(100), num_groups=1, alpha=0.05) is None


def test_resamples_without_a_value_are_left_out():
    values = np.append(np.linspace(0, 1, 99), np.nan)
    found = expanded_percentile(values, num_groups=50, alpha=0.05)
    assert 0 <= found.low < found.high <= 1
    assert expanded_percentile(np.full(100, np.nan), num_groups=50, alpha=0.05) is None
