import numpy as np
import pytest
from scipy import stats

from medadapt.metrics.calibration.bins import equal_mass_bins
from medadapt.metrics.calibration.errors import (
    bin_sums,
    debiased_squared_error,
    error_if_calibrated,
    expected_calibration_error,
    group_columns,
)

RISING = np.linspace(0.3, 0.99, 200)


def sums(confidence, right, group=None, num_bins=15):
    group = np.arange(len(right)) if group is None else group
    return bin_sums(group_columns(confidence, right, group, num_bins).sum(axis=0))


def test_the_plain_error_is_the_mean_gap_of_the_bins():
    right = (np.random.default_rng(0).random(200) < 0.6).astype(float)
    bins = equal_mass_bins(RISING)
    wanted = sum(
        (bins == b).mean() * abs(right[bins == b].mean() - RISING[bins == b].mean()) for b in range(15)
    )
    assert expected_calibration_error(sums(RISING, right)) == pytest.approx(wanted, abs=1e-12)


def test_the_squared_error_is_that_of_kumar_where_a_bin_holds_one_confidence():
    confidence = np.repeat([0.4, 0.7, 0.95], [50, 70, 80])
    right = (np.random.default_rng(1).random(200) < 0.65).astype(float)
    wanted = 0.0
    for value in (0.4, 0.7, 0.95):
        marks = right[confidence == value]
        share = marks.mean()
        wanted += len(marks) / 200 * ((share - value) ** 2 - share * (1 - share) / (len(marks) - 1))
    assert debiased_squared_error(sums(confidence, right, num_bins=200)) == pytest.approx(wanted, abs=1e-12)


def test_what_is_removed_is_the_variance_of_each_bins_mean_gap():
    right = (np.random.default_rng(2).random(200) < RISING).astype(float)
    bins, gap = equal_mass_bins(RISING), right - RISING
    wanted = sum(
        (bins == b).mean() * (gap[bins == b].mean() ** 2 - stats.sem(gap[bins == b]) ** 2) for b in range(15)
    )
    assert debiased_squared_error(sums(RISING, right)) == pytest.approx(wanted, abs=1e-12)


def test_copies_of_a_record_in_its_group_count_as_one_observation():
    """Each record twice is no more evidence than each record once."""
    right = (np.random.default_rng(3).random(200) < 0.6).astype(float)
    once = debiased_squared_error(sums(RISING, right))
    twice = sums(np.repeat(RISING, 2), np.repeat(right, 2), np.repeat(np.arange(200), 2))
    assert debiased_squared_error(twice) == pytest.approx(once, abs=1e-12)
    assert debiased_squared_error(sums(np.repeat(RISING, 2), np.repeat(right, 2))) > once


def test_a_bin_of_one_record_adds_nothing():
    assert debiased_squared_error(sums(np.array([0.9]), np.array([0.0]))) == 0
    assert expected_calibration_error(sums(np.array([0.9]), np.array([0.0]))) == pytest.approx(0.9)


def simulated(simulations, n):
    """Debiased squared errors, and plain errors less what chance gives, of perfectly calibrated confidences.

    What chance gives is found by drawing outcomes anew, not by the formula under test.
    """
    random = np.random.default_rng(7)
    debiased, excess, by_formula = [], [], []
    for _ in range(simulations):
        confidence = 0.25 + 0.75 * random.beta(4, 1.5, size=n)
        bins = equal_mass_bins(confidence)
        redrawn = (random.random((60, n)) < confidence) - confidence
        by_chance = np.mean([np.abs(np.bincount(bins, row)).sum() / n for row in redrawn])
        found = sums(confidence, (random.random(n) < confidence).astype(float))
        debiased.append(debiased_squared_error(found))
        excess.append(expected_calibration_error(found) - by_chance)
        by_formula.append(error_if_calibrated(confidence) - by_chance)
    return np.array(debiased), np.array(excess), np.array(by_formula)


@pytest.mark.parametrize(("simulations", "n"), [(60, 1000), pytest.param(200, 5000, marks=pytest.mark.slow)])
def test_a_perfectly_calibrated_model_is_found_calibrated(simulations, n):
    debiased, excess, by_formula = simulated(simulations, n)
    assert abs(debiased.mean()) <= 3 * stats.sem(debiased)
    assert (debiased < 0).any()
    if n == 5000:
        assert (excess < 0.01).mean() >= 0.95
    assert abs(by_formula.mean()) < 3e-4


def test_overconfidence_is_found():
    """Right in 20 points fewer than claimed: the squared error is 0.04."""
    confidence = np.random.default_rng(5).uniform(0.5, 1, size=4000)
    right = (np.random.default_rng(6).random(4000) < confidence - 0.2).astype(float)
    found = sums(confidence, right)
    assert debiased_squared_error(found) == pytest.approx(0.04, abs=0.008)
    assert expected_calibration_error(found) == pytest.approx(0.2, abs=0.02)
