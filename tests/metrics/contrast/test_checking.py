"""Pairs written by hand: answers that contradict their reference, and answers that only say it otherwise."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.metrics.contrast.checking import check_answer, contradictions
from medadapt.metrics.contrast.findings import KINDS
from medadapt.metrics.contrast.words import sentences

HERE = Path(__file__).parent
CONTRASTS = [line.split("\t") for line in (HERE / "contrasts_by_hand.tsv").read_text("utf-8").splitlines()]
PARAPHRASES = [
    line.split("\t") for line in (HERE / "paraphrases_by_hand.tsv").read_text("utf-8").splitlines()
]


def test_at_least_90_of_100_contrasts_are_flagged():
    flagged = [bool(contradictions(answer, wanted, question=asked)) for _, asked, wanted, answer in CONTRASTS]
    assert len(flagged) == 100
    assert sum(flagged) >= 90


@pytest.mark.parametrize("kind", KINDS)
def test_a_contrast_is_flagged_as_what_it_is(kind):
    found = [
        kind in {finding.kind for finding in contradictions(answer, wanted, question=asked)}
        for named, asked, wanted, answer in CONTRASTS
        if named == kind
    ]
    assert len(found) >= 12
    assert sum(found) >= 0.9 * len(found)


def test_at_most_10_of_100_paraphrases_are_flagged():
    flagged = [bool(contradictions(answer, wanted, question=asked)) for asked, wanted, answer in PARAPHRASES]
    assert len(flagged) == 100
    assert sum(flagged) <= 10


def test_the_pairs_are_all_different():
    every = [tuple(row[1:]) for row in CONTRASTS] + [tuple(row) for row in PARAPHRASES]
    assert max(Counter(every).values()) == 1


def test_a_text_never_contradicts_itself_nor_some_of_its_sentences():
    whole = " ".join(wanted for _, _, wanted, _ in CONTRASTS)
    assert contradictions(whole, whole) == []
    for seed in range(5):
        some = random.Random(seed).sample(sentences(whole), 20)
        assert contradictions(" ".join(some), whole) == []


@pytest.mark.parametrize(
    "answer", ["", "   \n", "I do not know.", "Ask your doctor.", "The weather is fine today."]
)
def test_an_answer_that_says_nothing_of_the_matter_contradicts_nothing(answer):
    for _, asked, wanted, _ in CONTRASTS:
        checked = check_answer(answer, wanted, question=asked)
        assert not any(compared.findings for compared in checked.kinds.values())
        assert not any(compared.checkable for compared in checked.kinds.values())


def test_what_was_said_and_what_was_wanted_are_shown():
    (finding,) = contradictions("Rest. Take 5000 mg of it daily.", "Take 500 mg of it daily. Drink water.")
    assert finding.kind == "number"
    assert (finding.said, finding.wanted) == ("5000 mg", "500 mg")
    assert (finding.answer, finding.reference) == ("Take 5000 mg of it daily.", "Take 500 mg of it daily.")


@given(st.text(max_size=120), st.text(max_size=120))
def test_any_two_texts_can_be_compared(answer, reference):
    checked = check_answer(answer, reference)
    assert list(checked.kinds) == list(KINDS)
    for kind, compared in checked.kinds.items():
        assert all(finding.kind == kind and finding.answer in answer for finding in compared.findings)


SAID = ("5 mın", "5 mİn", "sıx weeks", "twİce daıly", "every sıx mınutes", "1 in fİve", "left kıdney", "vıtamın D",
        "ıbuprofen", "5 µg", "5 ſ", "2 \u212ag", "I\u0307", f"every 0.{'0' * 322}1 hours", "9" * 400)  # fmt: skip
ANY_WORDS = st.lists(st.sampled_from(SAID) | st.text(max_size=12), max_size=8).map(" ".join)
CASELESS = st.text(alphabet="ıİiIſsſKkmng15 .-/%", max_size=40)


@given(ANY_WORDS | CASELESS, ANY_WORDS | CASELESS, ANY_WORDS)
def test_no_text_whatever_its_letters_ends_a_check(answer, reference, question):
    check_answer(answer, reference, question=question, options=[question, reference])


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("5 mın", "10 min"), ("5 MİN", "10 min"), ("sıx mg", "60 mg"), ("5 mg daıly", "50 mg daily")],
)
def test_an_i_without_its_dot_or_with_one_too_many_is_an_i(said, wanted):
    found = contradictions(f"Take it for {said} in the evening.", f"Take it for {wanted} in the evening.")
    assert [finding.kind for finding in found] == ["number"]


@given(st.text(alphabet="abc not no 12 mg.left right>< ", max_size=120))
def test_no_text_contradicts_itself(text):
    assert contradictions(text, text) == []
