"""Exam questions: the right option is true of the condition asked about, and no other one is."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import combinations

import pytest

from medadapt.samples.generating import difficulty
from medadapt.samples.generating.dirt import Row
from medadapt.samples.generating.wordings import named
from medadapt.samples.knowledge import Condition, load_conditions

FIELDS = {
    "symptom": "symptoms", "complain": "symptoms", "cause": "causes", "test": "tests", "diagnose": "tests",
    "treat": "treatments", "complication": "complications", "lead to": "complications",
}  # fmt: skip
OPTIONS = ("opa", "opb", "opc", "opd")
SEEDS = (0, 1)


@cache
def names() -> re.Pattern[str]:
    """Any condition's name as it stands in a sentence, the longest that fits."""
    called = sorted((re.escape(named(condition)) for condition in load_conditions()), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(called)})(?!\w)", re.IGNORECASE)


def is_described(row: Row) -> bool:
    return "patient aged" in str(row["question"]) or "-year-old" in str(row["question"])


def asked_about(row: Row) -> tuple[Condition, str]:
    """The condition and the field that a question names."""
    question = " ".join(str(row["question"]).split())
    (name,) = names().findall(question)
    condition = next(one for one in load_conditions() if named(one).casefold() == name.casefold())
    words = question.replace(name, "")
    return condition, next(field for word, field in FIELDS.items() if word in words)


def sound_rows(made, seed: int) -> list[Row]:
    return [row for row in made("mcq", seed).rows if row["cop"] and row["opa"] != row["opd"]]


def right_of(row: Row) -> str:
    return OPTIONS[int(row["cop"] or 0) - 1]


def true_options(row: Row, true: set[str]) -> set[str]:
    return {option for option in OPTIONS if str(row[option]).casefold() in true}


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_right_option_is_true(made, seed: int):
    kinds: Counter[str] = Counter()
    for row in sound_rows(made, seed):
        if is_described(row) or row["choice_type"] == "multi":
            continue
        condition, field = asked_about(row)
        true = {phrase.casefold() for phrase in getattr(condition, field)}
        assert true_options(row, true) == {right_of(row)}, row
        kinds[field] += 1
    assert set(kinds) == set(FIELDS.values())
    assert min(kinds.values()) > 150


@pytest.mark.parametrize("seed", SEEDS)
def test_only_the_right_pair_is_true_in_both_parts(made, seed: int):
    rows = [row for row in sound_rows(made, seed) if row["choice_type"] == "multi"]
    assert len(rows) >= 30
    for row in rows:
        condition, field = asked_about(row)
        phrases = [phrase.casefold() for phrase in getattr(condition, field)]
        pairs = {f"{a}{joint}{b}" for a in phrases for b in phrases for joint in (" and ", " as well as ")}
        assert true_options(row, pairs) == {right_of(row)}, row


@pytest.mark.parametrize("seed", SEEDS)
def test_a_described_patient_has_hardly_a_symptom_of_the_false_conditions(made, by_name, seed: int):
    rows = [row for row in sound_rows(made, seed) if is_described(row)]
    known = {symptom for condition in by_name.values() for symptom in condition.symptoms}
    assert len(rows) > 200
    for row in rows:
        told = re.search(
            r"(?:has had|best explains) (.+?)(?: (?:for|since|in a patient)\b|\.)", str(row["question"])
        )
        assert told
        parts = re.split(r", and |, | and ", " ".join(told[1].split()))
        symptoms = {re.sub(r"^an? ", "", part) for part in parts} & known
        assert len(symptoms) >= difficulty.FEWEST_SYMPTOMS - 1  # a name with `and` in it is not put together
        for option in OPTIONS:
            shared = symptoms & by_name[str(row[option])].symptoms.keys()
            if option == right_of(row):
                assert shared == symptoms
            else:
                assert len(shared) <= difficulty.MOST_SHARED


def test_ages_have_the_right_article(made):
    questions = [str(row["question"]) for seed in SEEDS for row in made("mcq", seed).rows]
    ages = {int(age) for text in questions for age in re.findall(r"^An? +(\d+)-year-old", text)}
    assert any(age > 79 for age in ages)
    for text in questions:
        assert not re.match(r"A +(?:8|11|18|8\d)-|An +(?!8-|11-|18-|8\d-)\d+-", text), text


def test_false_options_are_not_alike(made):
    for row in sound_rows(made, 0):
        if is_described(row) or row["choice_type"] == "multi":
            continue
        words = [set(re.findall(r"[a-z]{5,}", str(row[option]).casefold())) for option in OPTIONS]
        words = [found - {"after", "while", "without"} for found in words]
        assert not any(a & b for a, b in combinations(words, 2)), row


def test_the_right_letter_is_any_of_the_four_about_equally_often(made):
    letters = Counter(row["cop"] for row in made("mcq").rows if row["cop"])
    assert set(letters) == {1, 2, 3, 4}
    assert max(letters.values()) < 1.25 * min(letters.values())


def test_an_explanation_tells_the_right_option(made):
    for row in sound_rows(made, 0):
        if row["exp"] is None or row["choice_type"] == "multi":
            continue
        assert str(row[right_of(row)]).casefold() in str(row["exp"]).casefold(), row


def test_ids_are_those_of_one_question_each(made):
    rows = made("mcq").rows
    assert len({row["id"] for row in rows}) == difficulty.EXAM_QUESTIONS
