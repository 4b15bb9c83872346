"""Right and false options for a fact: the false ones are not in the knowledge of the condition, nor close to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from random import Random

from medadapt.samples.generating import difficulty
from medadapt.samples.generating.facts import Fact, Field
from medadapt.samples.generating.wordings import AT_NIGHT
from medadapt.samples.knowledge import Condition

BROAD_WORDS = frozenset(
    {
        "accidents", "anti", "antibiotic", "antibiotics", "antidepressant", "anxiety", "autoimmune", "bacteria",
        "bacterial", "biologic", "blood", "cancer", "care", "changes", "chemotherapy", "cognitive",
        "corticosteroids", "damage", "death", "depression", "dietary", "examination", "exercise", "failure",
        "fever", "fluids", "gene", "genes", "genetic", "headache", "healthy", "hospital", "imaging", "immune",
        "immunoglobulin", "immunosuppressive", "immunotherapy", "independence", "infection", "inflammatory",
        "inherited", "intensive", "interleukin", "isolation", "kinase", "methotrexate", "misuse", "mobility",
        "mood", "nausea", "necrosis", "organ", "oxygen", "pain", "pet", "physical", "plasma", "pregnancy",
        "quality", "radiation", "relaxation", "relief", "relievers", "repeated", "rest", "review", "serious",
        "severe", "shock", "sleep", "specialist", "steroids", "stress", "suicidal", "support", "supportive",
        "surgery", "targeted", "tiredness", "transplant", "tumor", "underlying", "viral", "virus", "weight",
        "withdrawal",
    }
)  # fmt: skip
"""A phrase with one of these words is true of so much that it is no false option."""
SMALL_WORDS = frozenset(
    {
        "a", "after", "an", "and", "at", "for", "from", "in", "of", "on", "or", "that", "the", "to", "when", "while",
        "with", "without",
    }
)  # fmt: skip
"""They do not make two phrases alike."""
WORD = re.compile(r"[a-z0-9]+")

NarrowPhrases = Mapping[Field, Mapping[str, frozenset[str]]]
"""Field -> phrase that can serve as a false option -> the fields of medicine where it is true."""


def right_phrases(fact: Fact) -> list[str]:
    """What may stand as the right option."""
    phrases: Sequence[str] = tuple(getattr(fact.condition, fact.field))
    return [phrase for phrase in phrases if phrase != AT_NIGHT]


def draw_false_phrases(fact: Fact, narrow: NarrowPhrases, count: int, draw: Random) -> list[str]:
    """Phrases of the same field from other fields of medicine.

    They share no word of weight with a true phrase, with the condition's name or with each other.
    """
    condition = fact.condition
    used = set().union(*map(_weighty, (*right_phrases(fact), condition.name)))
    candidates = [
        phrase for phrase, specialties in narrow[fact.field].items() if condition.specialty not in specialties
    ]
    drawn: list[str] = []
    for phrase in draw.sample(candidates, len(candidates)):
        if used.isdisjoint(words := _weighty(phrase)):
            used |= words
            drawn.append(phrase)
        if len(drawn) == count:
            break
    return drawn


def false_conditions(
    condition: Condition, symptoms: Sequence[str], conditions: Sequence[Condition]
) -> list[str]:
    """Names of conditions that share at most one of the symptoms."""
    return [
        other.name
        for other in conditions
        if other is not condition and len(other.symptoms.keys() & set(symptoms)) <= difficulty.MOST_SHARED
    ]


@cache
def _weighty(phrase: str) -> frozenset[str]:
    return frozenset(WORD.findall(phrase.casefold())) - SMALL_WORDS


def narrow_phrases(conditions: Sequence[Condition], fields: Iterable[Field]) -> NarrowPhrases:
    """The phrases of each field that say something of few conditions, both by their count and by their words."""
    return {field: _narrow(conditions, field) for field in fields}


def _narrow(conditions: Sequence[Condition], field: Field) -> dict[str, frozenset[str]]:
    most = difficulty.COMMON_SYMPTOM if field == "symptoms" else difficulty.GENERAL_PHRASE
    broad = frozenset({AT_NIGHT}) if field == "symptoms" else BROAD_WORDS
    having: dict[str, list[str]] = {}
    for condition in conditions:
        for phrase in getattr(condition, field):
            having.setdefault(phrase, []).append(condition.specialty)
    return {
        phrase: frozenset(specialties)
        for phrase, specialties in having.items()
        if len(specialties) < most and phrase not in broad and broad.isdisjoint(_weighty(phrase))
    }
