import numpy as np
import pytest
from scipy import optimize, special

from medadapt.metrics.calibration.proper_scores import log_losses
from medadapt.metrics.calibration.temperature import fit_temperature


def test_a_temperature_from_validation_lowers_the_loss_of_an_overconfident_model_on_test(simulate):
    fitted = fit_temperature(simulate(500, seed=1, temperature=3))
    test = simulate(2000, seed=2, temperature=3)
    assert log_losses(test, fitted.used).mean() < log_losses(test).mean() - 0.1
    assert fitted.value == pytest.approx(3, rel=0.25)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_it_is_the_lowest_point_that_another_search_finds(simulate, temperature):
    """The root of the slope in 1 / temperature, in which the loss is convex: at the lowest point its slope is 0."""
    validation = simulate(300, seed=3, temperature=temperature)
    rows = np.arange(300)

    def slope(inverse):
        shares = special.softmax(validation.logits * inverse, axis=1)
        return ((shares * validation.logits).sum(axis=1) - validation.logits[rows, validation.truth]).mean()

    wanted = 1 / optimize.brentq(slope, 1e-3, 50)
    assert fit_temperature(validation).value == pytest.approx(wanted, rel=6e-6)


def test_there_is_none_where_every_likeliest_answer_is_right(simulate, believe):
    beliefs = simulate(40, seed=4)
    found = fit_temperature(believe(beliefs.logits, beliefs.chosen))
    assert found.value is None
    assert "the bolder" in found.reason
    assert (found.used, found.n_validation) == (1.0, 40)


def test_there_is_none_where_the_scores_point_away_from_the_truth(simulate, believe):
    logits = simulate(40, seed=5).logits
    found = fit_temperature(believe(logits, logits.argmin(axis=1)))
    assert found.value is None
    assert "the shyer" in found.reason


def test_there_is_none_where_all_scores_are_equal(believe):
    assert fit_temperature(believe(np.zeros((30, 4)), np.arange(30) % 4)).value is None


def test_there_is_none_where_a_right_answer_was_not_scored(believe):
    found = fit_temperature(believe([[0.0, 1.0, -np.inf]] * 3, [0, 1, 2]))
    assert found.value is None
    assert "not scored" in found.reason
