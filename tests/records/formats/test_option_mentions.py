"""Explanations freed of letters and numbers of options, over the table of forms beside this file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from explanation_forms import ANNOUNCED, LOOKALIKES, MENTIONED, SEVERAL
from hypothesis import example, given
from hypothesis import strategies as st

from medadapt.records.formats.explanations import without_announcement
from medadapt.records.formats.option_mentions import with_options_spelled_out

OPTIONS = ["Simple", "Grievous", "Vitamin B12", "E. coli", "Focal sclerosis"]
REASON = "Nerves heal slowly."
NAMED = re.compile(
    r"(?i:\b(?:answers?|options?|ans|choices?)\b)(?:(?<=[Aa][Nn][Ss])|(?!\.\s))\W*(?:(?:is|are|number|no)\W+)*"
    r"(?:[1-5A-E]\b(?! weeks|-\w)|[(\['‘][a-e][)\]'’])"
)
"""A letter or number of an option after a word for options, however it got there. `C-peptide` is none, and a full
stop ends what the word announces, but for the one of `ans.`"""


def freed(text: str, index: int = 4, options: list[str] = OPTIONS) -> str:
    """What is kept of an explanation."""
    announced = without_announcement(text, options=options, answer_index=index)
    return with_options_spelled_out(announced, options=options, answer_index=index)


@pytest.mark.parametrize("form", ANNOUNCED)
def test_no_letter_or_number_is_left_of_an_announcement(form: str):
    for names in ("ABCDE", "abcde", "12345"):
        for index, name in enumerate(names):
            text = form.replace("@", name).replace("REASON", REASON)
            assert freed(text, index) == REASON + form.partition("REASON")[2]


def test_the_table_of_announcements_is_long():
    assert len(set(ANNOUNCED)) >= 120


@pytest.mark.parametrize("form", SEVERAL)
def test_announcements_of_several_options_are_removed(form: str):
    assert freed(form.replace("REASON", REASON), 0) == REASON


@pytest.mark.parametrize(("text", "spelled"), MENTIONED.items())
def test_a_mentioned_option_is_spelled_out(text: str, spelled: str):
    assert freed(text) == spelled


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_an_option_stays(text: str):
    assert freed(text, 1) == text


@given(
    forms=st.lists(st.sampled_from([*MENTIONED, *LOOKALIKES]), min_size=1, max_size=4),
    index=st.integers(0, 4),
)
@example(forms=["It hurts. Hence (b) is the answer.", "C-peptide is low."], index=0)
@example(forms=["It hurts. Hence (b) is the answer.", "A 3-year-old boy has fever."], index=0)
def test_no_option_is_named_however_sentences_follow_each_other(forms: list[str], index: int):
    options = ["Simple", "Grievous", "Cobalamin", "Coliforms", "Sclerosis"]
    assert not NAMED.search(freed(" ".join(forms), index, options))


def test_an_option_that_the_row_lacks_takes_its_sentence_along():
    assert freed("It heals. Option E is old. It hurts.", options=OPTIONS[:4]) == "It heals. It hurts."


def test_a_letter_that_is_an_options_text_stays():
    groups = ["A", "B", "AB", "O"]
    assert freed("It heals. The answer is B.", 1, groups) == "It heals. The answer is B."


def test_letters_before_the_lines_of_a_list_become_dashes():
    assert freed("Of these:\nA. Old\nB. New\nC) Late") == "Of these:\n- Old\n- New\n- Late"


def test_a_list_of_species_keeps_its_names():
    text = "Found:\nA. fumigatus\nB. anthracis"
    assert freed(text) == text


def test_numbers_before_verdicts_on_each_option_are_spelled_out():
    verdicts = freed("1: It is old. 2: This is true. 5: It is late.")
    assert verdicts == '"Simple": It is old. "Grievous": This is true. "Focal sclerosis": It is late.'


BARE = re.compile(
    r"(?:^|[.;]\s|\bbut\s|\brule\s)[1-5]\s(?:is|seems|could|would)\b"
    r"|\b(?:opt for|stay with|one is|doubt between|Between|also)\s[1-5]\b|:\s[1-5]\s\("
)
"""A number that stands alone for an option."""


def test_the_residency_exam_leaves_no_bare_number_for_an_option(prepared, shared_data: Path):
    source = str(shared_data / "medmcqa" / "mir_test_en.csv")
    result = prepared(None, format="multiple_choice", source=source)
    assert not [found[0] for record in result.records if (found := BARE.search(record.explanation or ""))]


def test_the_residency_exam_names_no_option_any_more(prepared, shared_data: Path):
    source = str(shared_data / "medmcqa" / "mir_test_en.csv")
    result = prepared(None, format="multiple_choice", source=source)

    left = [found[0] for record in result.records if (found := NAMED.search(record.explanation or ""))]
    # "the answer is a diagnostic criterion", "the false answer is "A negative ..."", "a trick answer. 5: At present"
    assert len(left) <= 3, left
    assert result.facts["repairs"]["options spelled out in explanations"] > 100
