"""Texts as words that can be compared: spelling, endings and common synonyms folded together.

This is no linguistics. A word becomes a key such that `infected`, `infection` and `infectious`, or `anaemia` and
`anemia`, have the same one. Two keys may fall together by accident; the rules never decide on one shared word alone.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['-][^\W\d_]+)*|[<>≤≥=%°/]|[.,;:!?()]", re.UNICODE)
SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bDr\.)\s+|\n+")


def listed(text: str) -> frozenset[str]:
    """The words of a list that is written as running text."""
    return frozenset(text.split())


FUNCTION_WORDS = listed(
    """
    a an the this that these those it its he his she her they them their we our you your i my me him who
    whom whose which what when where why how is are was were be been being am do does did done doing
    have has had having will would shall should can could may might must of in on at by for from to into
    onto with within as and or but if then than so because while although though until unless since
    about around also too very much many more most such some any each every all both other another there
    here just only even still well often usually generally mostly normally typically get gets got become
    becomes became make makes made means mean called known say says one ones up down out off over under
    after before during between through per via not no nor never without cannot none nothing neither e g
    etc
    """
)
"""Words that say nothing of the matter of a sentence."""

SYNONYMS = """
    doctor physician clinician
    belly abdomen abdominal tummy
    need necessary require necessity
    medicine drug medication
    begin start initiate
    use take taken give given gave administer
    see seen show shown find found
    child children baby babies infant
    disease illness condition disorder
    tiredness fatigue
    tablet pill
    operation surgery surgical
    cause lead produce
    recommend advise advice indicate
    allow permit
    fatal lethal deadly
    heart cardiac
    kidney renal
    liver hepatic
    lung pulmonary
    stomach gastric
    bleed hemorrhage
    suddenly abruptly
    common frequent
    harm harmful
    pain painful hurt
    woman women
    man men
    person people patient
    tooth teeth
    foot feet
    safe safely
    spread transmit
    prevent avert
    inherit inheritance hereditary heritable
    beneath underneath
    remove removed
    meal food dinner supper
    pregnant pregnancy
    cure curable
    evidence sign
    day daily
    week weekly
    night bedtime nightly
    breastfeed breastfeeding breast-feeding nursing
    sensitive sensitivity
    increase raise rise elevate
    decrease reduce lower
    worsen worse
    improve better
"""
"""One group a line; to its first word the others are equal."""

PHRASES = (
    (r"\bheart attacks?\b", "myocardial infarction"),
    (r"\bhigh blood pressure\b", "hypertension"),
    (r"\blow blood pressure\b", "hypotension"),
    (r"\bhigh blood sugar\b", "hyperglycemia"),
    (r"\blow blood sugar\b", "hypoglycemia"),
    (r"\bwhooping cough\b", "pertussis"),
    (r"\bgerman measles\b", "rubella"),
    (r"\bherpes zoster\b", "shingles"),
    (r"\bacetylsalicylic acid\b", "aspirin"),
    (r"\bascorbic acid\b", "vitamin C"),
    (r"\btoo (?:little|few)\b", "lack of"),
    (r"\bmm\s+hg\b", "mmHg"),
    (r"\bper cent\b", "percent"),
    (r"\bcannot\b", "can not"),
    (r"\bcan't\b", "can not"),
    (r"\bwon't\b", "will not"),
    (r"n't\b", " not"),
    (r"\bnot only\b", "both"),
    (r"\bwhether or not\b", "whether"),
    (r"\bno matter\b", "whatever"),
)
"""Spellings of one thing that are more than one word long, and idioms that only look like a denial."""
_ANY_PHRASE = re.compile("|".join(f"({pattern})" for pattern, _ in PHRASES), re.IGNORECASE)
DASH = re.compile("[‐‑‒–—−]")
PLAIN_I = str.maketrans("ıİ", "iI")
"""Letters that a pattern without regard to case takes for an i, but that lower case does not turn into one."""
SPACES = re.compile(r"[^\S\n]+")
KEPT = 65_536
"""Texts and words whose reading is remembered: references are read once for each model."""

ENDINGS = sorted(
    listed(
        """
    abilities ability ations ation ments ment ances ance ences ence ically ively ional ive ings ing
    edly ed ally ical ness ities ity ious ous fully ful ies ied ions ion ly al es e s y
    """
    ),
    key=lambda ending: (-len(ending), ending),
)
"""Endings that are cut off a word, the longest first."""


class Word(NamedTuple):
    """One token of a sentence."""

    text: str
    lower: str
    key: str
    """What it is compared by; equal for other forms and spellings of the word."""
    content: bool
    """Whether it says anything of the matter."""


@lru_cache(maxsize=KEPT)
def plain(text: str) -> str:
    """Ordinary dashes, quotes, digits, spaces and i's, and one spelling for phrases in `PHRASES`."""
    text = unicodedata.normalize(
        "NFKC", text.replace("½", " 0.5")
    )  # NFKC also makes one of both signs for micro
    text = DASH.sub("-", text.translate(PLAIN_I)).replace("’", "'")
    text = _ANY_PHRASE.sub(lambda match: PHRASES[(match.lastindex or 1) - 1][1], text)
    return SPACES.sub(" ", text).strip()


def sentences(text: str) -> list[str]:
    """The sentences of a text as they are written, without empty ones."""
    return [part.strip() for part in SENTENCE_END.split(text) if part and part.strip()]


def words(ordinary: str) -> list[Word]:
    """The words and marks of a text in ordinary spelling (`plain`), in order."""
    return [_word(token) for token in TOKEN.findall(ordinary)]


@lru_cache(maxsize=KEPT)
def _word(token: str) -> Word:
    lower = token.casefold()
    spoken = lower[0].isalpha()
    return Word(token, lower, word_key(lower) if spoken else lower, spoken and lower not in FUNCTION_WORDS)


@lru_cache(maxsize=KEPT)
def word_key(lower: str) -> str:
    """The key of a word in lower case.

    >>> word_key("infectious") == word_key("infections"), word_key("anaemia") == word_key("anemia")
    (True, True)
    """
    stem = _stem(lower)
    return _canonical().get(stem, stem)


def _stem(lower: str) -> str:
    word = lower.removesuffix("'s").replace("'", "")
    if len(word) > 4:
        word = word.replace("ae", "e").replace("oe", "e").replace("isation", "ization")
        word = re.sub(r"our(s?)$", r"or\1", word)
        word = re.sub(r"(?<=[bt])re(s?)$", r"er\1", word)
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "sl" else word


@lru_cache(maxsize=1)
def _canonical() -> dict[str, str]:
    found: dict[str, str] = {}
    for group in SYNONYMS.strip().splitlines():
        stems = [_stem(word) for word in group.split()]
        found.update(dict.fromkeys(stems, stems[0]))
    return found
