from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from medadapt.core.records import LETTERS as ALL_LETTERS
from medadapt.core.records import Record
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
                    replace(
                        row,
                        scores=dict.fromkeys("ABCD", -1.0),
                        probabilities=(chances or certain)(row.choice, order),
                        prompt_sha256=f"{row.id} in order {order}",
                    )
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


SIZES = (2, 3, 4, 5, 3, 3, 2, 4)
FIXED = (4, 5)
"""Records for yes, no or maybe, whose prompt shows no options to move."""


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_no_order_of_a_record_counts_twice(predict, inputs, count):
    """Against a brute-force tally over the distinct orders of each record, in files with too many orders."""
    random = np.random.default_rng(count)
    test = [
        Record(id=f"q{k}", source_row=k, group=f"q{k}", question="?", answer="x", answer_index=k % size,
               options=["x"] * size)
        for k, size in enumerate(SIZES)
    ]  # fmt: skip
    said = {}  # (model, record, order) -> chances; what is asked again is answered the same

    def rows(model, places):
        made = []
        for k, (record, size) in enumerate(zip(test, SIZES, strict=True)):
            order = 0 if k in FIXED else places % size
            chances = said.setdefault((model, k, order), random.dirichlet(np.ones(size)))
            named = dict(zip(ALL_LETTERS, map(float, chances), strict=False))
            (row,) = predict([record], [max(named, key=named.get)], model=model)
            made.append(
                replace(
                    row, prompt_sha256=f"{k} {order}", probabilities=named, scores=dict.fromkeys(named, -1.0)
                )
            )
        return made

    further = {
        f"test.{model}.rotated_{places}": rows(model, places)
        for model in ("baseline", "tuned")
        for places in range(1, count)
    }
    made = inputs(test, rows("baseline", 0), rows("tuned", 0), task="multiple_choice")
    made = replace(made, baseline=rows("baseline", 0), tuned=rows("tuned", 0), further=further)
    found = score(made)["permutations"]

    assert found["count"] == min(count, max(SIZES))
    for model in ("baseline", "tuned"):
        flips, right = [], []
        for k, size in enumerate(SIZES):
            orders = [said[model, k, order] for order in range(1 if k in FIXED else min(count, size))]
            flips += [len({int(np.argmax(chances)) for chances in orders}) > 1] if k not in FIXED else []
            right.append(int(np.argmax(np.mean(orders, axis=0))) == k % size)
        assert found["flip_rate"][model]["n"] == len(SIZES) - len(FIXED)
        assert found["flip_rate"][model]["value"] == np.mean(flips)
        assert found["averaged"][model]["n"] == len(SIZES)
        assert found["averaged"][model]["value"] == np.mean(right)


def test_orders_without_an_option_that_moved_have_a_reason(choices, predict, inputs):
    test = choices(LETTERS)
    rows = {model: predict(test, list(LETTERS), model=model) for model in ("baseline", "tuned")}
    made = inputs(test, rows["baseline"], rows["tuned"], task="multiple_choice")
    further = {"test.baseline.rotated_1": made.baseline, "test.tuned.rotated_1": made.tuned}
    assert "could be moved" in score(replace(made, further=further))["permutations"]["reason"]
