from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from medadapt.metrics.scoring import score
from medadapt.metrics.statistics.intervals import wilson

LETTERS = "ABCDABCD"


@pytest.fixture
def measured(choices, predict, inputs):
    """`permutations` of metrics.json from the choices in each order; the first is the usual one."""

    def of(baseline: list[str], tuned: list[str], chances=None):
        test = choices(LETTERS)

        def rows(model, orders):
            return [
                [
                    replace(row, probabilities=(chances or certain)(row.choice, order))
                    for row in predict(test, list(letters), model=model)
                ]
                for order, letters in enumerate(orders)
            ]

        first, second = rows("baseline", baseline), rows("tuned", tuned)
        further = {
            f"test.{model}.rotated_{order}": some
            for model, orders in (("baseline", first), ("tuned", second))
            for order, some in enumerate(orders)
            if order
        }
        made = replace(inputs(test, first[0], second[0], task="multiple_choice"), further=further)
        return score(made)["permutations"]

    return of


def certain(choice: str, _: int) -> dict[str, float]:
    return {letter: 0.97 if letter == choice else 0.01 for letter in "ABCD"}


def test_a_flip_is_a_choice_that_is_not_the_same_in_all_orders(measured):
    baseline = ["AAAABBBB", "AAAABBBB", "AAAABBBB"]
    tuned = ["ABCDABCD", "ABCDAAAA", "ABCDABCA"]

    found = measured(baseline, tuned)

    assert found["count"] == 3
    assert found["flip_rate"]["baseline"]["value"] == 0
    by_hand = sum(len(set(letters)) > 1 for letters in zip(*tuned, strict=True))
    assert found["flip_rate"]["tuned"]["value"] == by_hand / 8
    low, high = wilson(by_hand / 8, n=8, alpha=0.05)
    assert (found["flip_rate"]["tuned"]["low"], found["flip_rate"]["tuned"]["high"]) == (low, high)
    assert found["accuracy"]["tuned"] == {
        "mean": pytest.approx((8 + 5 + 7) / 24), "lowest": 5 / 8, "highest": 1
    }  # fmt: skip


def test_orders_are_averaged_by_probability(measured):
    """Two weak votes for one option lose against a strong one for another."""

    def chances(choice: str, order: int) -> dict[str, float]:
        weights = Counter({"A": 0.1, "B": 0.1, "C": 0.1, "D": 0.1})
        weights[choice] += 0.9 if order == 0 else 0.2
        return dict(weights)

    usual, others = "ABCDABCD", "BBBBBBBB"
    found = measured([usual, others, others], [others, others, usual], chances)

    assert found["averaged"]["baseline"]["value"] == 1
    assert found["averaged"]["tuned"]["value"] == 2 / 8


def test_the_options_that_moved_with_one_model_alone_are_no_comparison(choices, predict, inputs):
    test = choices(LETTERS)
    rows = predict(test, list(LETTERS))
    made = inputs(test, rows, predict(test, list(LETTERS), model="tuned"), task="multiple_choice")
    assert score(replace(made, further={"test.baseline.rotated_1": rows}))["permutations"].keys() == {
        "reason"
    }
