"""Made-up patients: who they are, how long they have been ill, and how they say it. Nobody real."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from medadapt.samples.generating.wordings import AT_NIGHT, DONE_SYMPTOMS, listed, with_article
from medadapt.samples.knowledge import Condition

OF_CHILDREN = frozenset(
    {"Chickenpox", "Croup", "Impetigo", "Measles", "Otitis media", "Scarlet fever", "Whooping cough"}
)
OF_HOURS = frozenset(
    {"Acute pancreatitis", "Anaphylaxis", "Appendicitis", "Bell palsy", "Heart attack", "Kidney stones", "Meningitis",
     "Pulmonary embolism", "Stroke", "Subarachnoid hemorrhage", "Transient ischemic attack"}
)  # fmt: skip
OF_DAYS = frozenset(
    {"Acute bronchitis", "Anal fissure", "Cellulitis", "Conjunctivitis", "Croup", "Deep vein thrombosis",
     "Diverticulitis", "Gout", "Immune thrombocytopenia", "Impetigo", "Otitis media", "Pelvic inflammatory disease",
     "Pericarditis", "Pleurisy", "Pneumonia", "Pyelonephritis", "Sinusitis", "Urinary tract infection",
     "Urticaria", "Vaginal yeast infection"}
)  # fmt: skip
OF_MONTHS = frozenset({"Tuberculosis"})
AGES_OF = {"Menopause": (46, 56), "Acne": (14, 24), "Polycystic ovary syndrome": (18, 35)}
OLDER = re.compile(r"\bolder age\b|\bage over fifty\b")
YOUNGER = re.compile(r"\b(?:adolescence|teenage|young adulthood|young age)\b")

DURATIONS = {
    "hours": ("for a few hours", "since this morning", "since last night"),
    "days": ("for two days", "for three days", "for four days", "for about a week"),
    "months": ("for several weeks", "for about two months", "for half a year", "for a long time"),
}

OPENINGS = (
    "I am {age} years old and have had {things} {how_long}.",
    "I'm {age}. {Since} I have had {things}.",
    "I've had {things} {how_long}. I am {age} years old.",
)
OPENINGS_OF_A_PARENT = (
    "My {age}-year-old child has had {things} {how_long}.",
    "My child is {age} years old and has had {things} {how_long}.",
    "It's about my child, who is {age}. {Since} there has been {things}.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A made-up person with a condition."""

    age: int
    is_child: bool
    """A parent writes."""
    duration: str
    symptoms: tuple[str, ...]


def draw_patient(condition: Condition, symptoms: Sequence[str], draw: Random) -> Patient:
    """A person whom the condition suits in age, and for as long as it usually lasts."""
    is_child = condition.name in OF_CHILDREN
    risks = " ".join(condition.risk_factors)
    low, high = (
        (2, 10) if is_child
        else AGES_OF[condition.name] if condition.name in AGES_OF
        else (58, 84) if OLDER.search(risks)
        else (16, 34) if YOUNGER.search(risks)
        else (24, 62)
    )  # fmt: skip
    duration = draw.choice(DURATIONS[pace(condition)])
    return Patient(
        age=draw.randint(low, high), is_child=is_child, duration=duration, symptoms=tuple(symptoms)
    )


def pace(condition: Condition) -> str:
    """How long people have it before they ask for help: `hours`, `days` or `months`."""
    if condition.name in OF_HOURS:
        return "hours"
    infection = condition.specialty == "infectious diseases" and condition.name not in OF_MONTHS
    return "days" if infection or condition.name in OF_DAYS else "months"


def complaint(patient: Patient, draw: Random) -> str:
    """What the patient, or a parent, writes: age, symptoms and how long; one to four sentences."""
    things = [with_article(symptom) for symptom in patient.symptoms if is_thing(symptom)]
    doings = [symptom for symptom in patient.symptoms if symptom in DONE_SYMPTOMS]
    opening = draw.choice(OPENINGS_OF_A_PARENT if patient.is_child else OPENINGS)
    since = patient.duration[0].upper() + patient.duration[1:]
    said = [opening.format(age=patient.age, things=listed(things), how_long=patient.duration, Since=since)]
    if doings:
        said.append(f"{'My child has' if patient.is_child else 'I have'} also been {listed(doings)}.")
    if AT_NIGHT in patient.symptoms:
        said.append("It is worse at night.")
    return " ".join(said)


def is_thing(symptom: str) -> bool:
    """Whether a person can have it: `a cough`, and not `hearing voices` or `worse at night`."""
    return symptom not in DONE_SYMPTOMS and symptom != AT_NIGHT
