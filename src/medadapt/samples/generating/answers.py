"""Answers to the question for one fact: the same phrases in a few wordings, and nothing that the knowledge lacks."""

from __future__ import annotations

from medadapt.samples.generating.facts import Fact, Field, told, typical_symptoms
from medadapt.samples.generating.wordings import be, listed, named, opened, with_article

WRITTEN: dict[Field, tuple[str, ...]] = {
    "about": (
        "{Name} {be} {phrases}. The most typical symptom is {top}.",
        "{Name} {be} {phrases}. Typical symptoms are {top} and {second}.",
    ),
    "symptoms": (
        "Common symptoms of {name} are {phrases}.",
        "People with {name} most often have {phrases}. Not everyone has all of these.",
    ),
    "causes": (
        "Known causes of {name} include {phrases}.",
        "{Name} can result from {or_phrases}.",
    ),
    "risk_factors": (
        "Risk factors for {name} include {phrases}.",
        "The risk of {name} is raised by {phrases}.",
    ),
    "tests": (
        "{Name} can be recognized with {phrases}. The doctor decides which of these are needed.",
        "To diagnose {name}, doctors may use {phrases}.",
    ),
    "treatments": (
        "Treatment of {name} may include {phrases}.",
        "{Name} can be treated with {or_phrases}, depending on the person.",
    ),
    "prevention": (
        "What helps to prevent {name}, or harm from it, includes {phrases}.",
        "Useful measures against {name} are {phrases}.",
    ),
    "complications": (
        "Complications of {name} include {phrases}.",
        "If it goes badly, {name} can lead to {or_phrases}.",
    ),
}
"""Answers as a health page writes them."""

SPOKEN: dict[Field, tuple[str, ...]] = {
    "about": (
        "{Name} {be} {phrases}.",
        "This is {phrases}. A typical symptom is {top}.",
    ),
    "symptoms": (
        "Common complaints are {phrases}. Not everyone with {name} has all of them.",
        "The usual signs of {name} are {phrases}.",
    ),
    "causes": (
        "Possible causes are {phrases}.",
        "{Name} may come from {or_phrases}.",
    ),
    "risk_factors": (
        "{Name} {be} more likely with {phrases}.",
        "The chance is higher with {phrases}.",
    ),
    "tests": (
        "Your doctor may order {phrases}.",
        "Doctors look for {name} with {phrases}. Which of them you need depends on your case.",
    ),
    "treatments": (
        "Treatment may include {phrases}. Ask your doctor which of these suits you.",
        "Doctors treat {name} with {phrases}.",
    ),
    "prevention": (
        "These help to prevent {name}, or harm from it: {phrases}.",
        "What helps is {phrases}.",
    ),
    "complications": (
        "Possible complications are {phrases}.",
        "In some people {name} can lead to {or_phrases}. Treatment aims to prevent that.",
    ),
    "red_flags": (
        "Get help at once in case of {or_phrases}.",
        "With {name}, get medical help at once if you notice {or_phrases}.",
    ),
}
"""Answers as a doctor gives them to a patient."""


def written_answers(fact: Fact) -> list[str]:
    """The answers of a health page to the question for this fact."""
    return [_filled(wording, fact) for wording in WRITTEN[fact.field]]


def spoken_answers(fact: Fact) -> list[str]:
    """The answers of a doctor to the question for this fact."""
    return [_filled(wording, fact) for wording in SPOKEN[fact.field]]


def _filled(wording: str, fact: Fact) -> str:
    condition, phrases = fact.condition, told(fact)
    top, second, *_ = typical_symptoms(condition)
    return wording.format(
        name=named(condition),
        Name=opened(named(condition)),
        be=be(condition),
        phrases=listed(phrases),
        or_phrases=listed(phrases, "or"),
        top=with_article(top),
        second=with_article(second),
    )
