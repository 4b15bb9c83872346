"""Short stories of patients without a name: what they felt, what was found, what helped."""

from __future__ import annotations

import random

from medadapt.samples.knowledge import Condition
from reading.conditions import drawn, slots_of
from reading.wording import listed, written

PEOPLE = (
    "teacher", "nurse", "farmer", "driver", "student", "cook", "gardener", "baker", "carpenter", "clerk", "singer",
    "mother of two", "father of three", "retired engineer", "shop assistant", "librarian", "runner", "builder",
)  # fmt: skip
TIMES = (
    "two days",
    "three days",
    "a week",
    "two weeks",
    "several weeks",
    "a month",
    "three months",
    "half a year",
)
OPENINGS = (
    "a {person} aged {age} [came to|went to|saw] the doctor [with|because of] {symptoms}. [This|It] had begun {time} "
    "[ago|before].",
    "for {time} a {person} of {age} had {symptoms}. [Then|In the end] {they} asked a doctor for help.",
    "a {person}, {age} years old, had noticed {symptoms} for {time}.",
    "I am {age} years old, and for {time} I have had {symptoms}. I [worry|wonder] what it [is|could be].",
    "my {relative}, who is {age}, has had {symptoms} for {time}, and we are [worried|afraid].",
    "{they} told the nurse of {symptoms}, which had lasted for {time}.",
)
MIDDLES = (
    "the doctor [suspected|thought of] {name} and [ordered|arranged] {tests}.",
    "this [sounded|looked] like {name}, and {tests} [confirmed|showed] it.",
    "after {tests} it was clear: it was {name}.",
    "the diagnosis was {name}.",
    "it could be {name}, the doctor said, and {tests} would help to find out.",
)
ENDS = (
    "treatment with {treatments} [was begun|helped|brought relief].",
    "{they} [was given|received] {treatments} and felt better after {time}.",
    "the doctor [advised|recommended] {treatments}.",
    "{name} is usually treated with {treatments}.",
    "the doctor also warned of {complications}.",
    "in future, {prevention} would help to prevent it.",
    "the doctor explained that {name} is {about}.",
    "{they} had [one of the|some of the] known risk factors: {risks}.",
)
FLAGS = (
    "if there were {flags}, {they} should go to the emergency department at once.",
    "[if you notice|in case of|should there be] {flags}, get help at once.",
    "the doctor said that {flags} would be a reason to call for help at once.",
)


def story(condition: Condition, rng: random.Random) -> str:
    """Three to five sentences about one patient."""
    person = rng.choice(PEOPLE)
    slots = {
        **slots_of(condition, rng),
        "age": str(rng.randint(16, 88)),
        "person": person,
        "relative": rng.choice(
            ("mother", "father", "sister", "brother", "wife", "husband", "aunt", "grandfather")
        ),
        "they": "she" if "mother" in person else "he" if "father" in person else rng.choice(("she", "he")),
        "time": lambda: rng.choice(TIMES),
        "symptoms": lambda: drawn(condition, rng),
        "tests": lambda: listed(condition.tests, rng, most=2),
        "treatments": lambda: listed(condition.treatments, rng, most=3),
    }
    sentences = [written(OPENINGS, rng, slots), written(MIDDLES, rng, slots)]
    sentences += [written(pattern, rng, slots) for pattern in rng.sample(ENDS, rng.randint(1, 2))]
    if condition.red_flags and rng.random() < 0.5:
        sentences.append(written(FLAGS, rng, slots))
    return " ".join(sentences)
