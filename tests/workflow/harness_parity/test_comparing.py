"""What counts as agreement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medadapt.workflow.harness_parity.comparing import TOLERANCE, compare
from medadapt.workflow.harness_parity.samples import Asked

ONE = Asked(prompt="Q?\nAnswer:", completions=(" A", " B"), scores=(-1.0, -2.0))


def test_the_same_agrees():
    found = compare(["a", "b"], {"baseline": [ONE, ONE]}, {"baseline": [ONE, ONE]})

    assert found.together.agrees
    assert (found.together.n, found.together.prompts_equal, found.together.choices_equal) == (2, 2, 2)
    assert (found.together.largest_difference, found.differing) == (0.0, [])


@pytest.mark.parametrize(
    "other",
    [
        replace(ONE, prompt="Q? \nAnswer:"),
        replace(ONE, completions=("A", " B")),
        replace(ONE, completions=(" A", " B", " C"), scores=(-1.0, -2.0, -3.0)),
        replace(ONE, scores=(-1.0, -2.0 - 2 * TOLERANCE)),
        replace(ONE, scores=(-2.0, -1.0)),
    ],
    ids=["prompt", "completion", "number", "score", "choice"],
)
def test_any_difference_is_disagreement_and_names_the_record(other: Asked):
    found = compare(["a", "b"], {"baseline": [ONE, ONE]}, {"baseline": [ONE, other]})

    assert not found.together.agrees
    assert found.differing == ["b"]


def test_rounding_is_no_disagreement():
    near = replace(ONE, scores=(-1.0, -2.0 - TOLERANCE / 2))

    found = compare(["a"], {"baseline": [ONE]}, {"baseline": [near]})

    assert found.together.agrees
    assert found.together.largest_difference == pytest.approx(TOLERANCE / 2)


def test_a_record_has_to_agree_for_every_model():
    other = replace(ONE, scores=(-2.0, -1.0))

    found = compare(
        ["a", "b"],
        {"baseline": [ONE, ONE], "tuned": [ONE, ONE]},
        {"baseline": [other, ONE], "tuned": [ONE, other]},
    )

    assert found.together.choices_equal == 0
    assert [agreement.choices_equal for agreement in found.models.values()] == [1, 1]


def test_of_equal_scores_the_first_is_chosen():
    assert replace(ONE, scores=(-1.0, -1.0)).choice == 0
