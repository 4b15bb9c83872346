from dataclasses import replace

import numpy as np
import pytest

from medadapt.core.errors import DataError
from medadapt.core.records import LETTERS
from medadapt.metrics.calibration.beliefs import beliefs_of, confidences, probabilities


@pytest.fixture
def asked(simulate, answer):
    return answer(simulate(5, seed=0))


def test_beliefs_are_read_back_from_records_and_predictions(simulate, answer):
    wanted = simulate(20, seed=1)
    found = beliefs_of("multiple_choice", *answer(wanted))
    assert found.names == wanted.names
    for column in ("logits", "truth", "chosen", "group"):
        assert np.array_equal(getattr(found, column), getattr(wanted, column))
    assert found.right.tolist() == [float(c == t) for c, t in zip(wanted.chosen, wanted.truth, strict=True)]


def test_each_row_is_a_softmax_at_the_temperature():
    shares = probabilities(np.array([[0.0, np.log(3.0)], [1000.0, -np.inf]]), 1.0)
    assert shares == pytest.approx(np.array([[0.25, 0.75], [1.0, 0.0]]))
    halved = probabilities(np.array([[0.0, np.log(9.0)]]), 2.0)
    assert halved == pytest.approx(np.array([[0.25, 0.75]]))


def test_confidence_is_the_probability_of_the_choice(believe):
    assert confidences(believe([[0.0, np.log(3.0)]], [0])) == pytest.approx([0.75], abs=1e-9)


def test_questions_may_have_different_numbers_of_options(asked):
    records, predictions = asked
    fewer = {name: score for name, score in (predictions[0].scores or {}).items() if name != "D"}
    best = max(fewer, key=fewer.get)
    predictions[0] = replace(predictions[0], scores=fewer, choice=best)
    records[0] = replace(records[0], answer_index=0)
    found = beliefs_of("multiple_choice", records, predictions)
    assert probabilities(found.logits)[0, LETTERS.index("D")] == 0
    assert probabilities(found.logits).sum(axis=1) == pytest.approx(np.ones(5))


def test_probabilities_of_another_rule_than_the_raw_sum_count(asked):
    records, predictions = asked
    stored = dict(zip("ABCD", (0.1, 0.2, 0.6, 0.1), strict=True))
    predictions[2] = replace(predictions[2], choice="C", probabilities=stored)
    found = beliefs_of("multiple_choice", records, predictions)
    assert confidences(found)[2] == pytest.approx(0.6)
    assert probabilities(found.logits)[2] == pytest.approx([0.1, 0.2, 0.6, 0.1])


def test_stored_probabilities_of_the_raw_sum_do_not_blur_the_scores(asked):
    records, predictions = asked
    scores = {"A": 0.0, "B": -900.0, "C": -901.0, "D": -902.0}
    stored = {"A": 1.0, "B": 0.0, "C": 0.0, "D": 0.0}
    predictions[0] = replace(predictions[0], choice="A", scores=scores, probabilities=stored)
    assert beliefs_of("multiple_choice", records, predictions).logits[0].tolist() == [*scores.values()]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda p: p[:-1], "4 predictions of 5 records"),
        (lambda p: [p[1], p[0], *p[2:]], "is of record r0001, not of r0000"),
        (lambda p: [replace(p[0], scores=None), *p[1:]], "no score of its choice"),
        (lambda p: [replace(p[0], choice="Z"), *p[1:]], "no score of its choice"),
        (lambda p: [replace(p[0], scores=dict.fromkeys("ABCD", float("nan"))), *p[1:]], "not finite"),
    ],
)
def test_predictions_that_are_not_of_these_records_are_refused(spoil, problem, asked):
    records, predictions = asked
    with pytest.raises(DataError, match=problem):
        beliefs_of("multiple_choice", records, spoil(predictions))
