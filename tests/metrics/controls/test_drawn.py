"""Draws by training frequency, held against scikit-learn's dummy classifier and against counting."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chisquare
from sklearn.dummy import DummyClassifier

from medadapt.metrics.controls.drawn import drawn_answers, drawn_letters


@pytest.fixture
def asked(diagnoses):
    """Two thousand records that only differ by their id."""
    return diagnoses(["x"] * 2000)


def test_answers_are_drawn_as_often_as_they_stand_in_training(asked):
    answers = ["flu"] * 6 + ["cold"] * 3 + ["gout"]
    drawn = Counter(drawn_answers(answers, asked, seed=0))
    assert chisquare([drawn["flu"], drawn["cold"], drawn["gout"]], [1200, 600, 200]).pvalue > 0.01


def test_the_accuracy_is_that_of_a_stratified_dummy(asked):
    answers = ["flu"] * 6 + ["cold"] * 3 + ["gout"]
    truth = (answers * 200)[::-1]
    dummies = [
        DummyClassifier(strategy="stratified", random_state=seed).fit(np.zeros((10, 1)), answers)
        for seed in range(40)
    ]
    scores = [dummy.score(np.zeros((2000, 1)), truth) for dummy in dummies]
    mine = np.mean([a == b for a, b in zip(drawn_answers(answers, asked, seed=1), truth, strict=True)])
    assert abs(mine - np.mean(scores)) < 4 * np.std(scores)


def test_the_draw_of_a_record_hangs_on_its_id_and_the_seed_alone(asked):
    answers = ["a", "b", "c", "d"]
    whole = drawn_answers(answers, asked, seed=0)
    assert drawn_answers(answers[::-1], asked[500:600], seed=0) == whole[500:600]
    assert drawn_answers(answers, asked, seed=1) != whole


def test_only_letters_that_a_record_offers_are_drawn(choices):
    asked = [
        replace(record, id=f"{place}", options=record.options[: 2 + place % 3])
        for place, record in enumerate(choices("A" * 600))
    ]
    drawn = drawn_letters("AABDDDDD", asked, seed=0)
    of_two, of_three, of_four = (Counter(drawn[start::3]) for start in range(3))
    assert of_two.keys() == of_three.keys() == {"A", "B"}
    assert of_four.keys() == {"A", "B", "D"}
    assert chisquare([of_two["A"], of_two["B"]], [400 / 3, 200 / 3]).pvalue > 0.01


def test_where_training_knows_none_of_the_letters_each_is_as_likely(choices):
    drawn = Counter(drawn_letters("EE", choices("A" * 400), seed=0))
    assert chisquare([drawn[letter] for letter in "ABCD"]).pvalue > 0.01
