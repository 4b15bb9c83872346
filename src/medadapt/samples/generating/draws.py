"""Seeded choices: what is drawn depends on the seed and the purpose, never on what was drawn before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from medadapt.samples.generating.difficulty import (
    COMMON_SYMPTOM,
    FEWEST_SYMPTOMS,
    MOST_SYMPTOMS,
    ONE_NOISE_SHARE,
    TWO_NOISE_SHARE,
)
from medadapt.samples.knowledge import Condition


def drawing(seed: int, *purpose: str) -> Random:
    """A source of random choices of its own for each purpose."""
    return Random("\x00".join([str(seed), *purpose]))


def own_symptoms(condition: Condition, draw: Random) -> list[str]:
    """Symptoms of one made-up person: each with the probability of its weight, 3 to 8, in random order."""
    while True:
        has = [symptom for symptom, weight in condition.symptoms.items() if draw.random() < weight]
        if FEWEST_SYMPTOMS <= len(has) <= MOST_SYMPTOMS:
            draw.shuffle(has)
            return has


def common_symptoms(conditions: Sequence[Condition]) -> list[str]:
    """Symptoms that many conditions share and none has as a warning sign, in alphabetical order.

    They serve as noise. A warning sign does not: the reply of a dialogue would pass over it.
    """
    counts = Counter(symptom for condition in conditions for symptom in condition.symptoms)
    warnings = {symptom for condition in conditions for symptom in condition.red_flags}
    return sorted(
        symptom for symptom, count in counts.items() if count >= COMMON_SYMPTOM and symptom not in warnings
    )


def with_noise(
    symptoms: Sequence[str], condition: Condition, common: Sequence[str], draw: Random
) -> list[str]:
    """The symptoms and, in some people, one or two common complaints that the condition does not explain."""
    chance = draw.random()
    wanted = 2 if chance < TWO_NOISE_SHARE else 1 if chance < TWO_NOISE_SHARE + ONE_NOISE_SHARE else 0
    other = [symptom for symptom in common if symptom not in condition.symptoms]
    noisy = [*symptoms[: MOST_SYMPTOMS - wanted], *draw.sample(other, wanted)]
    draw.shuffle(noisy)
    return noisy
