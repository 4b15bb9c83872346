"""Prose that begins with a symptom, a test, a treatment or a danger and tells which conditions it belongs to."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from medadapt.samples.generating.wordings import AT_NIGHT, named, with_article
from medadapt.samples.knowledge import Condition
from reading.wording import listed, written

OF_SYMPTOM = (
    "{thing} can be a symptom of {names}.",
    "{thing} <has/have> many [causes|reasons], [among them|for example] {names}.",
    "when somebody [complains of|reports] {thing}, doctors think of {names}.",
    "{thing} [<occurs/occur>|<is/are> seen] in {names}.",
    "behind {thing} there may be {names}.",
)
OF_TEST = (
    "{thing} <is/are> used to diagnose {names}.",
    "doctors [order|arrange] {thing} when they suspect {names}.",
    "{thing} <helps/help> to find {names}.",
)
OF_TREATMENT = (
    "{thing} <is/are> used in {names}.",
    "doctors [use|recommend] {thing} for {names}.",
    "people with {names} [may|can] be treated with {thing}.",
)
OF_CAUSE = (
    "{thing} can cause {names}.",
    "{thing} <is/are> among the causes of {names}.",
)
OF_RISK = (
    "{thing} [<raises/raise>|<increases/increase>] the risk of {names}.",
    "{thing} <makes/make> {names} more likely.",
)
OF_COMPLICATION = (
    "{thing} can follow from {names}.",
    "{thing} <is/are> among the complications of {names}.",
)
PATTERNS = {
    "symptoms": OF_SYMPTOM,
    "tests": OF_TEST,
    "treatments": OF_TREATMENT,
    "causes": OF_CAUSE,
    "risk_factors": OF_RISK,
    "complications": OF_COMPLICATION,
}

Index = dict[str, dict[str, list[str]]]


def index_of(conditions: Sequence[Condition]) -> Index:
    """Field -> phrase -> the conditions that have it."""
    index: Index = {field: defaultdict(list) for field in PATTERNS}
    for condition in conditions:
        for field, phrases in index.items():
            for phrase in getattr(condition, field):
                if phrase != AT_NIGHT:
                    phrases[phrase].append(named(condition))
    return index


def finding(index: Index, rng: random.Random) -> str:
    """A few sentences, each on one phrase and conditions that it belongs to."""
    sentences = []
    for _ in range(rng.randint(2, 5)):
        field = rng.choice(list(PATTERNS))
        phrase = rng.choice(list(index[field]))
        names = index[field][phrase]
        slots = {"thing": with_article(phrase), "names": lambda names=names: listed(names, rng, most=3)}
        sentences.append(written(PATTERNS[field], rng, slots))
    return " ".join(sentences)
