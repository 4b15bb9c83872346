from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medadapt.records.cleaning.texts import (
    answer_form,
    clean_lines,
    clean_question,
    normal_form,
    sound_text,
    text_of,
)


@pytest.mark.parametrize(
    ("question", "cleaned"),
    [
        ("What is (are) Gout ?", "What is (are) Gout?"),
        ("Who is at risk for Gout? ?", "Who is at risk for Gout?"),
        ("What  causes\n Gout ?", "What causes Gout?"),
        ("Really?? Is it?", "Really?? Is it?"),
        ("IDL has", "IDL has"),
    ],
)
def test_questions_are_cleaned_gently(question: str, cleaned: str) -> None:
    assert clean_question(question, Counter()) == cleaned


def test_each_repair_is_counted_by_kind() -> None:
    repairs: Counter[str] = Counter()
    clean_question("What  is it? ?", repairs)
    clean_question("What is it?", repairs)
    assert repairs == {"runs of spaces joined": 1, "repeated question marks removed": 1}


def test_lines_stay_and_runs_of_spaces_go() -> None:
    assert (
        clean_lines("Key Points\n          - a    - b\n   \n\n\n  end ", Counter())
        == "Key Points\n- a - b\n\nend"
    )


@pytest.mark.parametrize(
    ("odd", "sound"),
    [
        ("a\x00b\x7f", "ab"),
        ("don\x92t \x85", "don’t …"),
        ("a\u2028b\u2029c", "a\nb\nc"),
        ("a\ud83db", "a\ufffdb"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_characters_that_break_files_are_repaired(odd: str, sound: str) -> None:
    repairs: Counter[str] = Counter()
    assert sound_text(odd, repairs) == sound
    assert repairs.total() == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("Fever, chills!", "fever  chills"), ("e\u0301", "é"), ("STRASSE", "straße"), ("a_b", "A-b")],
)
def test_case_punctuation_and_composition_do_not_matter(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other)


@pytest.mark.parametrize(
    ("one", "other"), [("résumé", "resume"), ("< 5", "> 5"), ("Na+", "Na"), ("का", "की"), ("?", "!")]
)
def test_what_changes_a_meaning_does_matter(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


def test_answers_are_compared_with_their_punctuation() -> None:
    assert answer_form(" Yes  it is") == answer_form("yes it IS")
    assert answer_form("-1") != answer_form("1")


@given(st.text())
@example("\x8aÄ\x80")
@example("\x8a\xc4\u20ac")
def test_sound_text_can_be_written_and_is_stable(text: str) -> None:
    once = sound_text(text, Counter())
    once.encode("utf-8")
    assert not set(once) & set("\x00\r\x85\u2028\u2029")
    assert sound_text(once, Counter()) == once


@given(st.text())
def test_the_normal_form_is_stable(text: str) -> None:
    assert normal_form(normal_form(text)) == normal_form(text)


@pytest.mark.parametrize(
    ("cell", "text"),
    [(17, "17"), (17.0, "17"), (-0.5, "-0.5"), (1e300, "1e+300"), (True, "True"), (float("nan"), "")],
)
def test_a_number_reads_the_same_in_columns_of_whole_and_of_other_numbers(cell: float, text: str) -> None:
    assert text_of(cell, "c") == text
