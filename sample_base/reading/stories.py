"""Short stories of patients without a name: what they felt, what was found, what helped."""

from __future__ import annotations

import random

from medadapt.samples.generating.people import draw_patient, pace
from medadapt.samples.knowledge import Condition
from reading.conditions import drawn, slots_of
from reading.wording import listed, written

FEMALE = frozenset(
    {"Breast cancer", "Endometriosis", "Menopause", "Ovarian cancer", "Pelvic inflammatory disease",
     "Polycystic ovary syndrome", "Uterine fibroids", "Vaginal yeast infection"}
)  # fmt: skip
"""Conditions whose patients are women here."""
MALE = frozenset({"Benign prostatic hyperplasia", "Prostate cancer"})
"""Conditions whose patients are men here."""
PEOPLE = (
    "teacher", "nurse", "farmer", "driver", "cook", "gardener", "baker", "carpenter", "clerk", "singer",
    "shop assistant", "librarian", "runner", "builder",
)  # fmt: skip
"""What people between 20 and 65 are called beside `man` and `woman`."""
RELATIVES = {
    "she": (("daughter", 1, 45), ("sister", 16, 60), ("wife", 24, 88), ("mother", 40, 88), ("aunt", 30, 88)),
    "he": (("son", 1, 45), ("brother", 16, 60), ("husband", 24, 88), ("father", 40, 88), ("uncle", 30, 88)),
}
"""Relatives, and the years between which the story calls somebody so."""
TIMES = {
    "hours": ("some hours", "a few hours", "half a day"),
    "days": ("two days", "three days", "four days", "a week"),
    "months": ("several weeks", "a month", "two months", "half a year"),
}
"""How long it had lasted, by the pace of the condition."""
UNTIL_BETTER = ("a week", "two weeks", "several weeks", "a month")
OPENINGS = (
    "a {person} aged {age} [came to|went to|saw] the doctor [with|because of] {symptoms}. [This|It] had begun {time} "
    "[ago|before].",
    "for {time} a {person} of {age} had {symptoms}. [Then|In the end] a doctor was asked for help.",
    "a {person}, {age} years old, had noticed {symptoms} for {time}.",
    "{they} told the nurse of {symptoms}, which had lasted for {time}.",
)
OPENING_OF_ONESELF = (
    "I am {age} years old, and for {time} I have had {symptoms}. I [worry|wonder] what it [is|could be]."
)
OPENING_OF_A_RELATIVE = (
    "my {relative}, who is {age}, has had {symptoms} for {time}, and we are [worried|afraid]."
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
    "{they} [was given|received] {treatments} and felt better after {later}.",
    "the doctor [advised|recommended] {treatments}.",
    "{name} <is/are> usually treated with {treatments}.",
    "the doctor also warned of {complications}.",
    "the doctor explained that {name} <is/are> {about}.",
)
FLAGS = (
    "if there were {flags}, {they} should go to the emergency department at once.",
    "[if you notice|in case of|should there be] {flags}, get help at once.",
    "the doctor said that {flags} would be a reason to call for help at once.",
)
RISKS = "{they} had known risk factors: {risks}."
PREVENTION = "in future, {prevention} would help to prevent it."


def story(condition: Condition, rng: random.Random) -> str:
    """Three to five sentences about one patient, whom the condition suits in age and sex."""
    age = draw_patient(condition, (), rng).age
    they = (
        "she" if condition.name in FEMALE else "he" if condition.name in MALE else rng.choice(("she", "he"))
    )
    # A sixth of the stories each are told by the patient, unless a child, and by a relative.
    teller = rng.choice(
        ("others", "others", "others", "others", "relative", "patient" if age >= 16 else "others")
    )
    opening = {
        "others": rng.choice(OPENINGS), "relative": OPENING_OF_A_RELATIVE, "patient": OPENING_OF_ONESELF
    }[teller]  # fmt: skip
    not_theirs = {"she": "male sex", "he": "female sex"}[they]
    risks = [risk for risk in condition.risk_factors if risk != not_theirs]
    slots = {
        **slots_of(condition, rng),
        "age": str(age),
        "person": _person(they, age, rng),
        "relative": rng.choice([word for word, low, high in RELATIVES[they] if low <= age <= high]),
        "they": "I" if teller == "patient" else they,
        "time": lambda: rng.choice(TIMES[pace(condition)]),
        "later": lambda: rng.choice(UNTIL_BETTER),
        "risks": lambda: listed(risks, rng),
        "symptoms": lambda: drawn(condition, rng),
        "tests": lambda: listed(condition.tests, rng, most=2),
        "treatments": lambda: listed(condition.treatments, rng, most=3),
    }
    ends = [*ENDS, *([PREVENTION] if condition.prevention else []), *([RISKS] if risks else [])]
    sentences = [written(opening, rng, slots), written(MIDDLES, rng, slots)]
    sentences += [written(pattern, rng, slots) for pattern in rng.sample(ends, rng.randint(1, 2))]
    if condition.red_flags and rng.random() < 0.5:
        sentences.append(written(FLAGS, rng, slots))
    return " ".join(sentences)


def _person(they: str, age: int, rng: random.Random) -> str:
    if age < 16:
        return "girl" if they == "she" else "boy"
    grown = "woman" if they == "she" else "man"
    return rng.choice((grown, *PEOPLE)) if 20 <= age <= 65 else grown
