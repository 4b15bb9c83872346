"""The sample knowledge: complete, free of contradictions, and worded so that it fits into sentences."""

from __future__ import annotations

import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
import yaml

from medadapt.samples.bundled import FOLDER

KEYS = ["name", "specialty", "about", "symptoms", "causes", "risk_factors", "tests", "treatments", "prevention",
        "complications", "red_flags", "source"]  # fmt: skip
MAY_BE_EMPTY = {"prevention", "red_flags"}
PHRASES = ("causes", "risk_factors", "tests", "treatments", "prevention", "complications")


@pytest.fixture(scope="module")
def conditions() -> list[dict[str, Any]]:
    loaded = yaml.safe_load((FOLDER / "conditions.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, list)
    return loaded


def test_there_are_at_least_a_hundred_different_conditions(conditions):
    assert len({condition["name"].casefold() for condition in conditions}) == len(conditions) >= 100


def test_every_condition_is_complete(conditions):
    for condition in conditions:
        assert list(condition) == KEYS, condition["name"]
        assert all(condition[key] for key in KEYS if key not in MAY_BE_EMPTY), condition["name"]
        assert set(condition["source"]) == {"title", "publisher", "url"}
        assert condition["source"]["url"].startswith("https://")


def test_symptoms_have_typical_and_less_typical_shares(conditions):
    for condition in conditions:
        shares = sorted(condition["symptoms"].values())
        assert 7 <= len(shares) <= 12, condition["name"]
        assert shares[0] >= 0.05, condition["name"]
        assert 0.5 <= shares[-1] <= 0.95, condition["name"]
        assert shares[1] <= 0.35 <= shares[-2], condition["name"]


def test_a_red_flag_is_one_of_the_conditions_own_symptoms(conditions):
    for condition in conditions:
        assert set(condition["red_flags"]) <= set(condition["symptoms"]), condition["name"]


def test_some_symptom_tells_any_two_conditions_apart(conditions):
    for first, second in combinations(conditions, 2):
        shares = [(first["symptoms"].get(s, 0), second["symptoms"].get(s, 0))
                  for s in {*first["symptoms"], *second["symptoms"]}]  # fmt: skip
        apart = max(abs(a - b) for a, b in shares)
        assert apart >= 0.25, f"{first['name']} and {second['name']}"


def test_a_symptom_has_one_spelling(conditions):
    used = Counter(symptom for condition in conditions for symptom in condition["symptoms"])
    folded = Counter(re.sub(r"[\W_]", "", symptom.casefold()) for symptom in used)
    assert max(folded.values()) == 1


def test_phrases_fit_into_a_sentence(conditions):
    for condition in conditions:
        for key in PHRASES:
            for phrase in condition[key]:
                assert not re.search(r"[.,;:()]|\s\s|^\s|\s$", phrase), f"{condition['name']}: {phrase}"
                assert len(phrase.split()) <= 9, f"{condition['name']}: {phrase}"
        assert condition["name"].casefold() not in condition["about"].casefold()


def test_no_phrase_gives_a_dose(conditions):
    for condition in conditions:
        told = " ".join(phrase for key in PHRASES for phrase in condition[key])
        assert not re.search(r"\d+\s*(mg|mcg|g|ml|units?|tablets?)\b", told), condition["name"]
