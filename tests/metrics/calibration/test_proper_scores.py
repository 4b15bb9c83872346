import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import brier_score_loss, log_loss

from medadapt.core.records import LETTERS
from medadapt.metrics.calibration.beliefs import Beliefs
from medadapt.metrics.calibration.proper_scores import brier_losses, brier_parts, log_losses


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_log_loss_and_brier_score_are_those_of_scikit_learn(simulate, temperature):
    beliefs = simulate(300, seed=0)
    shares = softmax(beliefs.logits / temperature, axis=1)
    wanted = log_loss(beliefs.truth, shares, labels=range(4))
    assert log_losses(beliefs, temperature).mean() == pytest.approx(wanted, abs=1e-12)
    one_by_one = sum(brier_score_loss(beliefs.truth == k, shares[:, k]) for k in range(4))
    assert brier_losses(beliefs, temperature).mean() == pytest.approx(one_by_one, abs=1e-12)


def test_a_share_too_small_for_a_float_has_a_log_loss(believe):
    beliefs = believe([[0.0, -2000.0]], [1])
    assert log_losses(beliefs).tolist() == [2000.0]
    assert brier_losses(beliefs).tolist() == [2.0]


def test_an_answer_that_was_not_scored_has_no_probability(believe):
    beliefs = believe([[0.0, 0.0, -np.inf]], [2])
    assert log_losses(beliefs).tolist() == [np.inf]
    assert brier_losses(beliefs) == pytest.approx([1.5])


@given(st.data(), st.integers(1, 40), st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_the_parts_of_the_brier_score_add_up(data, n, answers):
    numbers = st.sampled_from([-3.0, -1.0, 0.0, 0.25, 2.0]) | st.floats(-30, 30)
    logits = np.array(data.draw(st.lists(numbers, min_size=n * answers, max_size=n * answers)))
    truth = data.draw(st.lists(st.integers(0, answers - 1), min_size=n, max_size=n))
    beliefs = Beliefs(
        ids=tuple(map(str, range(n))),
        names=tuple(LETTERS[:answers]),
        logits=logits.reshape(n, answers),
        truth=np.array(truth),
        chosen=logits.reshape(n, answers).argmax(axis=1),
        group=np.arange(n),
    )
    parts = brier_parts(beliefs)
    whole = parts.reliability - parts.resolution + parts.uncertainty + parts.within_bins
    assert whole == pytest.approx(brier_losses(beliefs).mean(), abs=1e-12)
    assert min(parts.reliability, parts.resolution, parts.uncertainty) >= 0


def test_the_parts_are_murphys_where_each_bin_holds_one_probability(believe):
    """Two answers, three beliefs: 0.2, 0.5 and 0.9; by hand from counts."""
    share = np.repeat([0.2, 0.5, 0.9], [10, 20, 30])
    right = np.concatenate(
        [np.repeat([1, 0], [4, 6]), np.repeat([1, 0], [8, 12]), np.repeat([1, 0], [27, 3])]
    )
    beliefs = believe(np.log(np.stack([1 - share, share], axis=1)), right)
    parts = brier_parts(beliefs, num_bins=60)
    happened = {0.2: 0.4, 0.5: 0.4, 0.9: 0.9}
    weight = {0.2: 1 / 6, 0.5: 2 / 6, 0.9: 3 / 6}
    base = 39 / 60
    assert parts.reliability == pytest.approx(2 * sum(weight[s] * (s - happened[s]) ** 2 for s in weight))
    assert parts.resolution == pytest.approx(2 * sum(weight[s] * (happened[s] - base) ** 2 for s in weight))
    assert parts.uncertainty == pytest.approx(2 * base * (1 - base))
    assert parts.within_bins == pytest.approx(0, abs=1e-15)


def test_always_saying_the_frequencies_scores_the_uncertainty(believe):
    truth = np.repeat([0, 1, 2], [30, 20, 10])
    parts = brier_parts(believe(np.tile(np.log([3 / 6, 2 / 6, 1 / 6]), (60, 1)), truth))
    assert parts.uncertainty == pytest.approx(1 - (9 + 4 + 1) / 36)
    assert (parts.reliability, parts.resolution) == pytest.approx((0, 0), abs=1e-15)
