import numpy as np
import pytest
from scipy import stats

from medadapt.metrics.calibration.thresholds import choose_threshold, upper_bounds


def scipy_bound(wrong, n):
    return stats.binomtest(int(wrong), int(n), alternative="less").proportion_ci(0.95, method="exact").high


@pytest.mark.parametrize(("wrong", "n"), [(0, 30), (3, 40), (40, 40), (17, 61)])
def test_the_bound_is_scipys_exact_one(wrong, n):
    found = upper_bounds(np.array([wrong / n]), np.array([n]))
    assert found == pytest.approx([scipy_bound(wrong, n)], abs=1e-9)


def test_the_threshold_keeps_the_risk_and_the_next_lower_one_does_not():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.3, 1, size=800)
    right = (random.random(800) < confidence).astype(float)
    found = choose_threshold(confidence, right, np.arange(800), risk=0.2)
    answered = confidence >= found.value
    assert found.coverage == answered.mean()
    assert found.risk == pytest.approx(1 - right[answered].mean())
    assert found.bound == pytest.approx(scipy_bound((1 - right[answered]).sum(), answered.sum()), abs=1e-9)
    assert found.bound <= 0.2
    lower = confidence >= confidence[confidence < found.value].max()
    assert scipy_bound((1 - right[lower]).sum(), lower.sum()) > 0.2


@pytest.mark.parametrize("simulations", [150, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_confidence_that_says_nothing_is_trusted_in_no_more_than_the_promised_share(simulations):
    """Every threshold has a risk just above the one wished for: at most 5 % may find one that passes."""
    random = np.random.default_rng(1)
    passed = 0
    for _ in range(simulations):
        right = (random.random(300) >= 0.1 + 1e-9).astype(float)
        found = choose_threshold(random.random(300), right, np.arange(300), risk=0.1)
        passed += found.value is not None
    assert stats.binomtest(passed, simulations, 0.05, alternative="greater").pvalue > 0.01


def test_too_few_records_are_named_with_the_number_it_takes():
    found = choose_threshold(np.linspace(0.5, 1, 28), np.ones(28), np.arange(28), risk=0.1)
    assert found.value is None
    assert "at least 29 independent" in found.reason
    assert choose_threshold(np.linspace(0.5, 1, 29), np.ones(29), np.arange(29), risk=0.1).value == 0.5


def test_a_model_that_is_always_wrong_has_no_threshold():
    found = choose_threshold(np.linspace(0.5, 1, 400), np.zeros(400), np.arange(400), risk=0.2)
    assert found.value is None
    assert "no threshold keeps" in found.reason


def test_copies_in_one_group_are_no_further_evidence():
    once = choose_threshold(np.linspace(0.5, 1, 40), np.ones(40), np.arange(40), risk=0.1)
    copies = np.repeat(np.linspace(0.5, 1, 20), 2), np.ones(40), np.repeat(np.arange(20), 2)
    assert once.value == 0.5
    assert choose_threshold(*copies, risk=0.1).value is None


def test_records_of_equal_confidence_are_answered_or_not_together():
    confidence = np.repeat([0.9, 0.6], [60, 40])
    right = np.concatenate([np.ones(60), np.ones(20), np.zeros(20)])
    found = choose_threshold(confidence, right, np.arange(100), risk=0.1)
    assert (found.value, found.coverage) == (0.9, 0.6)
