"""What a comparison of two runs says of the records that only one of them has right."""

from __future__ import annotations

from typing import Any

import pytest

from medadapt.report.comparison_words import comparison_sentence, discordant_sentence


def told(*, both: int, first: int, second: int, neither: int, by: str = "accuracy", **more: Any) -> str:
    counts = {"both_right": both, "first_only": first, "second_only": second, "neither": neither}
    found = {"by": by, "count": first + second, **counts, **more}
    return discordant_sentence({"n": sum(counts.values()), "discordant": found})


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ((5, 0, 0, 3), "Both are right on the same 5 of 8 records."),
        ((0, 0, 0, 8), "Neither is right on any of the 8 records."),
        (
            (1, 2, 3, 2),
            "On 5 records only one of them is right: the first on 2, the second on 3. Both are right on 1, "
            "neither on 2.",
        ),
    ],
)
def test_the_records_are_counted(counts: tuple[int, int, int, int], sentence: str):
    both, first, second, neither = counts
    assert told(both=both, first=first, second=second, neither=neither) == sentence


@pytest.mark.parametrize("first", [0, 2])
def test_of_open_questions_it_is_said_that_right_is_a_soft_match(first: int):
    rule = {"metric": "token_f1", "threshold": 0.5}

    sentence = told(both=1, first=first, second=0, neither=3, by="soft_match", soft_match=rule)

    assert "under the soft match: Token F1 of answer and reference is at least 0.5." in sentence


def test_of_written_choices_it_is_said_that_the_written_answers_are_meant():
    assert "written answers" in told(both=1, first=1, second=0, neither=3, by="accuracy_generated")


def test_nothing_is_said_where_right_and_wrong_are_not_known():
    assert discordant_sentence({"n": 3, "discordant": {"by": None, "reason": "x"}}) == ""


def test_a_comparison_without_a_proof_says_what_such_test_sets_show():
    values = {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}
    change = {"value": 0.0, "low": -0.1, "high": 0.1, "p": 1.0, "verdict": "not shown"}
    told = comparison_sentence(
        {"primary": "accuracy", "n": 80, "alpha": 0.05, "tuned": {"first": values, "second": values},
         "difference": {"accuracy": change}, "detectable_difference": 0.14, "detectable_reason": None}
    )  # fmt: skip
    assert told.endswith(
        "That is no proof that they are equal. A true difference of about 14 points is shown in 80% of such test sets."
    )
