"""The BCa interval against scipy on the same resamples, at its edges, and in what it covers."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from medadapt.metrics.marking.marks import on_grid
from medadapt.metrics.statistics.bias_correction import bca, bias_corrected, is_corrected
from medadapt.metrics.statistics.estimates import estimates, interval_method
from medadapt.metrics.statistics.intervals import expanded_percentile, expanded_tail
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import (
    Plan,
    bootstrap_values,
    flipped_differences,
    left_out_values,
    sum_groups,
)


def _nats(n: int, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    size = random.integers(5, 60, n).astype(float)
    return {"nll": on_grid(size * random.gamma(1, 1, n)), "bytes": size, "tokens": size}


def _bits(tallies: dict[str, np.ndarray], rows: np.ndarray) -> np.ndarray:
    return tallies["nll"][rows].sum(axis=-1) / tallies["bytes"][rows].sum(axis=-1) / np.log(2)


def _scipys(statistic, n: int, resampled: np.ndarray, tail: float) -> tuple[float, float]:
    """scipy's BCa interval from our resamples, with its own jackknife of the statistic over records."""
    found = stats.bootstrap(
        (np.arange(n),),
        lambda rows, axis: statistic(rows),  # noqa: ARG005 (scipy names it)
        n_resamples=0,
        bootstrap_result=SimpleNamespace(bootstrap_distribution=resampled),
        confidence_level=1 - 2 * tail,
        method="BCa",
    )
    return tuple(found.confidence_interval)


@pytest.mark.parametrize("n", [12, 61])
@pytest.mark.parametrize("tail", [0.025, 0.005, 0.1])
def test_of_a_ratio_it_equals_scipys(n, tail, independent):
    tallies, plan = _nats(n, seed=n), independent(n, samples=2000)
    resampled = bootstrap_values({"m": tallies}, plan)["m"]["bits_per_byte"]
    left_out = left_out_values("bits_per_byte", tallies, plan)
    value = float(_bits(tallies, np.arange(n)))
    wanted = _scipys(lambda rows: _bits(tallies, rows), n, resampled, tail)
    assert bca(resampled, value=value, left_out=left_out, tail=tail) == pytest.approx(wanted, abs=1e-9)


def _pair(first, second, plan, *, primary, alpha=0.05) -> Pair:
    resampled = bootstrap_values({"first": first, "second": second}, plan)
    return Pair(
        first=first,
        second=second,
        first_resampled=resampled["first"],
        second_resampled=resampled["second"],
        flipped=flipped_differences(first, second, plan),
        plan=plan,
        alpha=alpha,
        primary=primary,
    )


def test_the_difference_of_the_primary_metric_holds_scipys_interval_and_the_plain_one(independent):
    n, plan = 61, independent(61, samples=2000)
    first = _nats(n, seed=0)
    second = {**first, "nll": on_grid(0.7 * first["nll"] * np.random.default_rng(1).lognormal(0, 0.5, n))}
    pair = _pair(first, second, plan, primary="bits_per_byte")
    shifts = pair.second_resampled["bits_per_byte"] - pair.first_resampled["bits_per_byte"]
    plain = expanded_percentile(shifts, num_groups=n, alpha=0.05)
    skewed = _scipys(lambda rows: _bits(second, rows) - _bits(first, rows), n, shifts, expanded_tail(n, 0.05))
    found = difference("bits_per_byte", pair)
    assert found.test == "paired-bootstrap-bca"
    assert found.low == pytest.approx(min(plain.low, skewed[0]), abs=1e-9)
    assert found.high == pytest.approx(max(plain.high, skewed[1]), abs=1e-9)
    assert skewed[0] < plain.low  # the two do differ, so the correction is really there
    assert difference("loss", pair).test == "paired-bootstrap"


def test_the_estimate_of_the_primary_metric_is_corrected_and_named_so(independent):
    tallies, plan = _nats(61, seed=0), independent(61, samples=2000)
    resampled = bootstrap_values({"m": tallies}, plan)["m"]
    names = ["loss", "bits_per_byte"]
    found = estimates(
        tallies, resampled, names=names, plan=plan, alpha=0.05, missing={}, primary="bits_per_byte"
    )
    plain = estimates(tallies, resampled, names=names, plan=plan, alpha=0.05, missing={})
    assert found["bits_per_byte"].high > plain["bits_per_byte"].high  # nats are skewed to the right
    assert found["loss"] == plain["loss"]
    assert interval_method("bits_per_byte", plan, primary="bits_per_byte") == "bootstrap-bca"
    grouped = Plan(group=np.array([0, 0, 1]), samples=1, seed=0)
    assert interval_method("bits_per_byte", grouped, primary="bits_per_byte") == "group-bootstrap-bca"
    assert interval_method("accuracy", grouped, primary="accuracy") == "group-bootstrap-wilson"


@pytest.mark.parametrize(
    ("metric", "wanted"),
    [("bits_per_byte", True), ("token_f1", True), ("accuracy", False), ("macro_f1", False)],
)
def test_shares_and_the_macro_f1_are_not_corrected(metric, wanted):
    assert is_corrected(metric, metric) is wanted
    assert not is_corrected(metric, None)


def test_without_spread_or_with_one_group_it_is_the_plain_interval(independent):
    same = np.full(100, 2.0)
    assert bias_corrected(same, value=2.0, left_out=np.full(9, 2.0), num_groups=9, alpha=0.05) == (2.0, 2.0)
    assert bias_corrected(same, value=2.0, left_out=np.full(1, np.nan), num_groups=1, alpha=0.05) is None


def test_a_left_out_group_without_which_nothing_can_be_measured_gives_the_plain_interval():
    plan = Plan(group=np.arange(4), samples=500, seed=0)
    tallies = {"nll": np.array([3.0, 0, 0, 0]), "bytes": np.array([2.0, 0, 0, 0])}
    left_out = left_out_values("bits_per_byte", tallies, plan)
    assert np.isnan(left_out[0])
    resampled = np.linspace(1, 3, 500)
    plain = expanded_percentile(resampled, num_groups=4, alpha=0.05)
    assert bias_corrected(resampled, value=2.1, left_out=left_out, num_groups=4, alpha=0.05) == plain


def test_resamples_on_one_side_cannot_be_corrected():
    resampled, left_out = np.linspace(1, 2, 200), np.arange(9.0)
    assert bca(resampled, value=3.0, left_out=left_out, tail=0.025) is None
    plain = expanded_percentile(resampled, num_groups=9, alpha=0.05)
    assert bias_corrected(resampled, value=3.0, left_out=left_out, num_groups=9, alpha=0.05) == plain


@pytest.mark.parametrize("sign", [1, -1])
def test_an_infinitely_corrected_end_is_the_outermost_resample(sign):
    resampled = sign * np.linspace(-1, 3, 200)
    left_out = -sign * np.array([0.0] * 300 + [100.0])  # one group decides all
    found = bca(resampled, value=float(np.median(resampled)), left_out=left_out, tail=1e-12)
    assert (found.high if sign > 0 else found.low) == sign * 3


@pytest.mark.parametrize("groups", [2, 3])
def test_of_few_groups_a_small_alpha_leaves_the_outermost_resamples(groups, independent):
    """The tail of two groups at alpha 0.01 is too thin for a float."""
    alpha = 0.01 if groups == 2 else 0.001
    first, second, plan = _nats(groups, seed=0), _nats(groups, seed=1), independent(groups, samples=200)
    pair = _pair(first, second, plan, primary="bits_per_byte", alpha=alpha)
    assert expanded_tail(groups, alpha) == 0.0
    shifts = pair.second_resampled["bits_per_byte"] - pair.first_resampled["bits_per_byte"]
    change = difference("bits_per_byte", pair)
    assert (change.low, change.high) == (shifts.min(), shifts.max())
    told = estimates(
        first,
        pair.first_resampled,
        names=["bits_per_byte"],
        plan=plan,
        alpha=alpha,
        missing={},
        primary="bits_per_byte",
    )["bits_per_byte"]
    values = pair.first_resampled["bits_per_byte"]
    assert (told.low, told.high) == (values.min(), values.max())


def test_leaving_groups_out_equals_computing_the_metric_without_them():
    tallies, group = _nats(10, seed=4), np.array([0, 1, 1, 2, 2, 2, 3, 3, 3, 3])
    found = left_out_values("bits_per_byte", tallies, Plan(group=group, samples=1, seed=0))
    wanted = [_bits(tallies, np.flatnonzero(group != left_out)) for left_out in range(4)]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_leaving_groups_out_gives_the_cluster_robust_standard_error():
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(30), 8)
    right = (random.random(240) < np.repeat(random.beta(2, 1, 30), 8)).astype(float)
    tallies = {"right": right, "records": np.ones(240)}
    left_out = left_out_values("accuracy", tallies, Plan(group=group, samples=1, seed=0))
    jackknife = np.sqrt(29 / 30 * ((left_out - left_out.mean()) ** 2).sum())
    sums = sum_groups({"gap": right - right.mean()}, group)["gap"]
    assert jackknife == pytest.approx(np.sqrt(30 / 29 * (sums**2).sum()) / 240, abs=1e-12)


def test_it_covers_skewed_nats_better_than_the_plain_interval(independent):
    random, trials, n = np.random.default_rng(5), 500, 40
    covered = plain_covered = 0
    for trial in range(trials):
        size = random.integers(5, 60, n).astype(float)
        tallies = {"nll": size * random.gamma(1, 1, n), "bytes": size}
        plan = independent(n, samples=400, seed=trial)
        resampled = bootstrap_values({"m": tallies}, plan)["m"]["bits_per_byte"]
        value = float(_bits(tallies, np.arange(n)))
        left_out = left_out_values("bits_per_byte", tallies, plan)
        low, high = bias_corrected(resampled, value=value, left_out=left_out, num_groups=n, alpha=0.05)
        covered += low <= 1 / np.log(2) <= high
        low, high = expanded_percentile(resampled, num_groups=n, alpha=0.05)
        plain_covered += low <= 1 / np.log(2) <= high
    assert covered > plain_covered
    assert covered / trials >= 0.925
