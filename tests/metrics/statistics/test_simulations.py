"""How often verdicts and intervals are wrong on simulated models, by the functions of the benchmark.

The full sizes are slow tests and stand in `benchmarks/RESULTS.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "benchmarks"))

import simulations

SIGNIFICANT = 0.01
"""One-sided level at which a rate of false verdicts would be above 5 %."""


@pytest.mark.parametrize("n", [61, 500])
def test_equal_accuracies_get_a_verdict_at_most_one_time_in_twenty(n):
    assert simulations.false_alarms_of_marks(n, trials=1000)["p"] > SIGNIFICANT


@pytest.mark.parametrize("n", [61, 200])
def test_equal_likelihoods_get_a_verdict_at_most_one_time_in_twenty(n):
    found = simulations.false_alarms_of_likelihoods(n, trials=400, samples=200)
    assert found["p"] > SIGNIFICANT
    assert found["rate"] > 0.01  # nor is every verdict withheld


def test_equal_models_with_weak_documents_get_a_verdict_at_most_one_time_in_twenty():
    assert simulations.false_alarms_of_groups(trials=400, samples=200)["p"] > SIGNIFICANT


def test_the_interval_of_clustered_records_covers_where_the_naive_one_does_not():
    found = simulations.coverage_of_groups(trials=1000, samples=400)
    assert 0.93 <= found["reported"] <= 0.97
    assert found["naive"] < 0.90


def test_near_one_the_interval_of_clustered_records_covers_where_the_bootstrap_alone_does_not():
    found = simulations.coverage_near_one(simulations.NEAR_ONE[0], trials=500, samples=300)
    assert _p_of_coverage(found, 0.93) > SIGNIFICANT
    assert found["bootstrap"] < 0.92
    assert found["width"] < 1.5  # nor does it cover by saying nothing


def test_a_rare_gain_in_groups_is_covered_where_the_bootstrap_alone_covers_too_seldom():
    found = simulations.coverage_of_rare_gains(0.03, trials=500, samples=300)
    assert _p_of_coverage(found, 0.95) > SIGNIFICANT
    assert found["bootstrap"] < 0.93


@pytest.mark.slow
@pytest.mark.parametrize("case", simulations.NEAR_ONE, ids=lambda case: case.name)
def test_near_one_the_interval_of_clustered_records_covers_at_full_size(case):
    found = simulations.coverage_near_one(case, trials=4000, samples=1000)
    assert _p_of_coverage(found, 0.93) > SIGNIFICANT
    assert found["bootstrap"] < 0.92


def _p_of_coverage(found, share: float) -> float:
    """p of covering so rarely, were the true coverage `share` (one-sided exact binomial test)."""
    covered = round(found["reported"] * found["trials"])
    return stats.binomtest(covered, found["trials"], share, alternative="less").pvalue


@pytest.mark.parametrize("kind", ["one model", "difference of two"])
def test_the_reported_interval_covers_at_least_as_often_as_percentiles_and_bca(kind):
    covered = simulations.coverage_of_bca(kind, 30, trials=300, samples=300)["covered"]
    assert covered["reported"] >= max(covered["percentile"], covered["bca"])
    assert covered["reported"] >= 0.9


def test_the_interval_of_skewed_nats_misses_less_on_its_weak_side_than_percentiles():
    above = simulations.coverage_of_bca("one model", 30, trials=300, samples=300)["above"]
    assert above["bca"] < above["percentile"]
    assert above["percentile"] > 0.04


@pytest.mark.slow
def test_no_rate_of_false_verdicts_is_above_one_in_twenty_at_full_size():
    found = simulations.measure()
    for name, alarms in found["false_alarms"].items():
        assert alarms["p"] > SIGNIFICANT, name
    assert 0.93 <= found["coverage_of_groups"]["reported"] <= 0.97
    assert found["coverage_of_groups"]["naive"] < 0.90
    for name, run in found["coverage_of_bca"].items():
        assert run["covered"]["reported"] >= run["covered"]["percentile"], name
