"""Facts: one field of one condition. Most are asked in the sample data; the others are left to the base's reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from medadapt.core.hashes import sha256_text
from medadapt.samples.generating.difficulty import LEFT_OUT_SHARE, MOST_NAMED, TYPICAL_SHARE
from medadapt.samples.generating.wordings import AT_NIGHT, with_article
from medadapt.samples.knowledge import Condition

Field = Literal[
    "about",
    "symptoms",
    "causes",
    "risk_factors",
    "tests",
    "treatments",
    "prevention",
    "complications",
    "red_flags",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a question may ask for."""

    condition: Condition
    field: Field

    @property
    def key(self) -> str:
        """A name of the fact that orders and hashes go by."""
        return f"{self.condition.name}/{self.field}"


def is_left_out(fact: Fact, seed: int) -> bool:
    """Whether no question of this seed asks for the fact. Of tests and treatments no dialogue tells it either."""
    return int(sha256_text(f"{seed}\x00left out\x00{fact.key}")[:12], 16) < LEFT_OUT_SHARE * 16**12


def asked_facts(conditions: Sequence[Condition], fields: Iterable[Field], seed: int) -> list[Fact]:
    """The facts of these fields that are not left out and not empty, in the order of the knowledge."""
    facts = (Fact(condition=condition, field=field) for condition in conditions for field in fields)
    return [fact for fact in facts if told(fact) and not is_left_out(fact, seed)]


def told(fact: Fact) -> tuple[str, ...]:
    """The phrases that answer the question, ready for a sentence; symptoms are the typical ones only."""
    condition = fact.condition
    if fact.field == "about":
        return (condition.about,)
    if fact.field == "red_flags":
        return tuple(with_article(symptom) for symptom in condition.red_flags)
    if fact.field == "symptoms":
        return tuple(with_article(symptom) for symptom in typical_symptoms(condition))
    phrases: tuple[str, ...] = getattr(condition, fact.field)
    return phrases


def typical_symptoms(condition: Condition) -> list[str]:
    """The commonest symptoms, at most five."""
    typical = [symptom for symptom, weight in condition.symptoms.items() if weight >= TYPICAL_SHARE]
    return [symptom for symptom in typical if symptom != AT_NIGHT][:MOST_NAMED]
