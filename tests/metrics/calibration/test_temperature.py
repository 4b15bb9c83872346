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


@pytest.mark.parametrize("temperature", [300.0, 5000.0])
def test_scores_that_are_right_but_hugely_overconfident_have_a_temperature(simulate, believe, temperature):
    """As sums over long answers are: the likeliest is often right, and the others are hundreds of nats below."""
    beliefs = simulate(400, seed=6)
    found = fit_temperature(believe(temperature * beliefs.logits, beliefs.truth))
    assert found.value == pytest.approx(temperature, rel=0.25)
    assert found.reason is None


def test_the_scores_are_not_called_empty_where_the_best_temperature_is_out_of_reach(simulate, believe):
    beliefs = simulate(400, seed=6)
    for scale, wanted in ((1e6, "above 10000: the scores tell the right answer"), (1e-4, "below 0.01")):
        found = fit_temperature(believe(scale * beliefs.logits, beliefs.truth))
        assert found.value is None
        assert wanted in found.reason
        assert "say nothing" not in found.reason
        assert "always right" not in found.reason


def test_an_answer_that_was_not_scored_does_not_make_hugely_overconfident_scores_empty(simulate, believe):
    beliefs = simulate(400, seed=6)
    logits = np.column_stack([1e6 * beliefs.logits, np.full(400, -np.inf)])
    assert "far too sure" in fit_temperature(believe(logits, beliefs.truth)).reason


def test_there_is_none_where_all_scores_are_equal(believe):
    found = fit_temperature(believe(np.full((30, 3), -1.3), np.arange(30) % 3))
    assert found.value is None
    assert "say nothing" in found.reason


def test_there_is_none_where_a_right_answer_was_not_scored(believe):
    found = fit_temperature(believe([[0.0, 1.0, -np.inf]] * 3, [0, 1, 2]))
    assert found.value is None
    assert "not scored" in found.reason
