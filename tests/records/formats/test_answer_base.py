from __future__ import annotations

from typing import Any

import pytest

from medadapt.core.errors import DataError
from medadapt.records.formats.answer_base import answer_index, find_answer_base
from medadapt.records.formats.choice_layouts import Choices
from medadapt.records.rows import RowError

FOUR = Choices(texts=("one", "two", "three", "four"))
FIVE = Choices(texts=("one", "two", "three", "four", "five"))
KEYED = Choices(texts=("one", "two"), keys=("A", "B"))


def base_of(*cells: Any, choices: Choices = FOUR) -> Any:
    return find_answer_base([(cell, choices) for cell in cells], "auto", "t.csv")


@pytest.mark.parametrize(
    ("cells", "base"),
    [
        ((0, 3, 1), 0),
        (("0", "2", -1), 0),
        ((1, 4), 1),
        (("4.0", "", None), 1),
        (("A", "d", "(B)"), "letter"),
        (("one", "Two"), "text"),
        ((None, -1), None),
    ],
)
def test_the_base_is_found_from_all_answers(cells: tuple[Any, ...], base: Any) -> None:
    assert base_of(*cells) == base


def test_the_number_of_options_is_that_of_the_row() -> None:
    answers = [(5, FIVE), (2, FOUR), (3, FOUR)]
    assert find_answer_base(answers, "auto", "t.csv") == 1


def test_four_of_five_options_proves_nothing() -> None:
    with pytest.raises(DataError, match=r"data\.answer_base"):
        find_answer_base([(4, FIVE), (2, FIVE)], "auto", "t.csv")


@pytest.mark.parametrize("cells", [(1, 2, 3), (0, 4), (1, "B")])
def test_an_unclear_base_says_what_to_set(cells: tuple[Any, ...]) -> None:
    with pytest.raises(DataError, match=r"data\.answer_base: 0"):
        base_of(*cells)


def test_options_with_keys_do_not_argue_with_numbers_elsewhere() -> None:
    assert find_answer_base([("B", KEYED), (0, FOUR), (2, FOUR)], "auto", "t.csv") == 0


def test_what_the_recipe_says_is_not_questioned() -> None:
    assert find_answer_base([(1, FOUR)], 1, "t.csv") == 1


@pytest.mark.parametrize(
    ("cell", "choices", "base", "index"),
    [
        (2, FOUR, 0, 2),
        (2, FOUR, 1, 1),
        ("c", FOUR, "letter", 2),
        ("THREE", FOUR, "text", 2),
        ("b", KEYED, "letter", 1),
        ("(A)", KEYED, "letter", 0),
        ("two", KEYED, "text", 1),
    ],
)
def test_the_right_option_is_found(cell: Any, choices: Choices, base: Any, index: int) -> None:
    assert answer_index(cell, choices, base) == index


@pytest.mark.parametrize(
    ("cell", "base", "reason"),
    [(-1, 0, "unlabelled"), ("", 1, "unlabelled"), (4, 0, "bad_options"), (0, 1, "bad_options"),
     ("E", "letter", "bad_options"), ("seven", "text", "unlabelled"), ("B?", 0, "unlabelled")],
)  # fmt: skip
def test_an_answer_that_points_nowhere_has_its_reason(cell: Any, base: Any, reason: str) -> None:
    with pytest.raises(RowError) as caught:
        answer_index(cell, FOUR, base)
    assert caught.value.reason == reason


def test_an_answer_that_is_a_number_finds_the_option_that_is_one() -> None:
    assert answer_index(17.0, Choices(texts=("16", "17", "18")), "text") == 1
