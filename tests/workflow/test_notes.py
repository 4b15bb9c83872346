"""What a stage says in one line."""

from __future__ import annotations

import pytest

from medadapt.workflow import notes


@pytest.fixture
def beforehand():
    return {
        "metric": "accuracy", "value": 0.1604, "reason": None, "n": 61, "num_groups": 61, "alpha": 0.05,
        "power": 0.8, "discordant": 0.2,
    }  # fmt: skip


def test_the_smallest_visible_difference_is_told_in_points(beforehand):
    told = notes.detectable(beforehand)
    assert told.startswith(
        "this test set of 61 records shows a true difference in accuracy of about 16 points in 80% of cases"
    )
    assert "20%" in told


def test_a_difference_below_one_point_is_not_told_as_one(beforehand):
    assert "of about 0.7 points in 80%" in notes.detectable({**beforehand, "value": 0.0066, "n": 40_000})


def test_a_difference_larger_than_the_usual_disagreement_is_told_with_what_it_needs(beforehand):
    few = {**beforehand, "value": 0.3665, "discordant": 0.3665, "n": 20, "num_groups": 20}
    told = notes.detectable(few)
    assert "about 37 points in 80% of cases" in told
    assert told.endswith("where the models disagree on 37% of the records, all in favour of the same one")
    assert "in favour" not in notes.detectable(beforehand)


def test_shared_groups_are_told(beforehand):
    assert "61 records in 40 groups" in notes.detectable({**beforehand, "num_groups": 40})


def test_a_test_set_that_can_show_nothing_says_why(beforehand):
    told = notes.detectable(
        {**beforehand, "value": None, "reason": "it takes at least 6", "n": 5, "num_groups": 5}
    )
    assert told == "this test set of 5 records can show no difference: it takes at least 6"


def test_of_open_questions_nothing_is_told_that_is_not_known(beforehand):
    unknown = {**beforehand, "metric": "bits_per_byte", "value": None, "reason": "not known"}
    assert notes.detectable(unknown) is None


@pytest.mark.parametrize(
    ("found", "allowed", "fails"),
    [
        ({"exact": 2, "near": 3, "gated": ["exact"]}, False, True),
        ({"exact": 0, "near": 3, "gated": ["exact", "near"]}, False, True),
        ({"exact": 0, "near": 3, "gated": ["exact"]}, False, False),
        ({"exact": 2, "near": 3, "gated": ["exact"]}, True, False),
    ],
)
def test_a_leak_that_will_fail_the_gate_is_told_before_training(found, allowed, fails):
    told = notes.leakage({"leakage": found, "counts": {"test": 550}}, allowed=allowed)
    assert told.startswith(f"leakage: {found['exact']} exact, 3 near (of 550 test records)")
    assert ("will end with exit code 3" in told) == fails


@pytest.mark.parametrize(
    ("got", "fast", "told"), [("bf16", False, True), ("bf16", True, False), ("fp32", False, False)]
)
def test_a_number_format_that_is_computed_in_software_is_told(got, fast, told):
    facts = {"precision": {"asked": got, "got": got}, "device": {"fast_bf16": fast}}
    line = notes.slow_format(facts)
    assert (line is not None and "many times slower" in line) == told
