"""Phrases of the sample knowledge inside English sentences."""

from __future__ import annotations

from collections.abc import Iterable

from medadapt.samples.knowledge import Condition

PLURAL_NAMES = frozenset({"Gallstones", "Hemorrhoids", "Kidney stones", "Uterine fibroids", "Varicose veins"})

NAMES_WITH_ARTICLE = {
    "Anal fissure": "an anal fissure",
    "Cataract": "a cataract",
    "Common cold": "the common cold",
    "Heart attack": "a heart attack",
    "Peptic ulcer": "a peptic ulcer",
    "Pulmonary embolism": "a pulmonary embolism",
    "Stroke": "a stroke",
    "Subarachnoid hemorrhage": "a subarachnoid hemorrhage",
    "Transient ischemic attack": "a transient ischemic attack",
    "Urinary tract infection": "a urinary tract infection",
    "Vaginal yeast infection": "a vaginal yeast infection",
}

COUNTED_SYMPTOMS = frozenset(
    {
        "acid taste in the mouth", "band-like headache", "barking cough", "blocked nose", "changing mole", "cough",
        "cough with mucus", "dry cough", "dry mouth", "earache", "fast heartbeat", "fever",
        "grinding sensation in the joint", "headache", "hoarse voice", "increased appetite", "irregular heartbeat",
        "lump at the anus", "lump in the breast", "lump in the neck", "new dark spot on the skin",
        "one-sided burning pain", "one-sided throbbing headache", "rash spreading from the trunk", "red eye",
        "red rash", "ring-shaped rash", "round face", "runny nose", "shuffling gait", "slow heartbeat",
        "sore throat", "spinning sensation", "stiff neck", "sudden severe headache", "tick bite", "toothache",
        "tremor at rest", "urge to move the legs", "urgent need to urinate", "weak urine stream",
        "whooping breath",
    }
)  # fmt: skip
"""Symptoms that take an article in a sentence."""

DONE_SYMPTOMS = frozenset(
    {
        "coughing up blood", "feeling cold", "feeling full after a little food", "feeling generally unwell",
        "feeling hot", "hearing voices", "seeing zigzag lines", "vomiting blood", "waking at night to urinate",
    }
)  # fmt: skip
"""Symptoms that a person does: `I have been hearing voices`."""

AT_NIGHT = "worse at night"
"""The one symptom that is no thing; it gets a sentence of its own."""


def named(condition: Condition) -> str:
    """The condition inside a sentence: `a heart attack`, `gallstones`, `Crohn disease`."""
    return NAMES_WITH_ARTICLE.get(condition.name, condition.in_text)


def be(condition: Condition) -> str:
    """`are` after gallstones, else `is`."""
    return "are" if condition.name in PLURAL_NAMES else "is"


def opened(text: str) -> str:
    """The text with a capital at its front."""
    return text[:1].upper() + text[1:]


def with_article(phrase: str) -> str:
    """A symptom as it stands in a sentence: `a sore throat`, `nausea`."""
    if phrase not in COUNTED_SYMPTOMS:
        return phrase
    return f"an {phrase}" if phrase[0] in "aeiou" else f"a {phrase}"


def article_of_age(age: int) -> str:
    """`An` before 8, 11, 18 and the eighties, else `A`."""
    return "An" if age in {8, 11, 18, *range(80, 90)} else "A"


def listed(phrases: Iterable[str], last: str = "and") -> str:
    """Phrases as an English list: `a, b, and c`; two that hold an `and` themselves are kept apart."""
    *front, final = phrases
    if not front:
        return final
    if len(front) > 1:
        return f"{', '.join(front)}, {last} {final}"
    inner = any(f" {word} " in phrase for word in ("and", "or") for phrase in (*front, final))
    joint = "as well as" if inner and last == "and" else last
    return f"{front[0]} {joint} {final}"
