"""Likeness of two texts against rouge-score, RapidFuzz's definition by hand, and known medical traps."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from medadapt.metrics.marking.likeness import LIKENESS, fuzzy, token_f1

WORDS = ["the", "patient", "has", "fever,", "5", "mg/day", "of", "Aspirin.", "α-blocker", "\n", "-"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
ROUGE = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)


@given(TEXTS, TEXTS)
def test_rouge_equals_rouge_score(answer, reference):
    wanted = ROUGE.score(reference, answer)
    for name in ("rouge1", "rouge2", "rougeL"):
        assert LIKENESS[name](answer, reference) == wanted[name].fmeasure


@given(st.text(max_size=30), st.text(max_size=30))
def test_every_likeness_lies_between_0_and_1(answer, reference):
    for likeness in LIKENESS.values():
        assert 0 <= likeness(answer, reference) <= 1


@pytest.mark.parametrize("name", LIKENESS)
@pytest.mark.parametrize("reference", ["rest", ""])
def test_an_empty_answer_earns_nothing(name, reference):
    assert LIKENESS[name]("", reference) == 0
    assert LIKENESS[name](" \n", reference) == 0


@pytest.mark.parametrize("name", LIKENESS)
def test_an_answer_like_the_reference_word_by_word_earns_all(name):
    assert LIKENESS[name]("Drink much water.", "Drink much water.") == 1


def test_token_f1_leaves_case_punctuation_and_articles_out():
    assert token_f1("The heart, and an artery!", "heart and artery") == 1
    # two of three written and two of four wanted words are common
    assert token_f1("rest and water", "rest, water, warm blankets") == pytest.approx(2 * 2 / (3 + 4))


@given(st.text("abc", min_size=1, max_size=8), st.text("abc", max_size=8))
def test_fuzzy_is_the_share_of_letters_in_the_longest_common_subsequence(answer, reference):
    table = Counter()
    for i, letter in enumerate(answer):
        for k, other in enumerate(reference):
            table[i, k] = max(table[i - 1, k - 1] + (letter == other), table[i - 1, k], table[i, k - 1])
    common = table[len(answer) - 1, len(reference) - 1]
    assert fuzzy(answer, reference) == pytest.approx(2 * common / (len(answer) + len(reference)))


def test_fuzzy_does_not_mind_case_and_spaces():
    assert fuzzy("Drink  MUCH\nwater", "drink much water") == 1


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        (
            "give 5000 mg of aspirin at once and call for help",
            "give 500 mg of aspirin at once and call for help",
        ),
        (
            "it is safe in pregnancy and while breast feeding",
            "it is not safe in pregnancy and while breast feeding",
        ),
    ],
)
def test_likeness_is_blind_to_what_matters_most(answer, reference):
    """Why no verdict about medicine may rest on it."""
    for name in ("rouge1", "rougeL", "token_f1", "fuzzy"):
        assert LIKENESS[name](answer, reference) > 0.85
