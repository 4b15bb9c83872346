"""Another drug or disease than the reference names in the same place.

Three signs, each in sentences on the same matter:

- one word or short phrase replaced by another between equal neighbours, where both look like names: they are known
  (`lexicon.py`), stand in the question or the options, or are capitalised inside a sentence;
- a drug (or a disease) of the reference is nowhere in the answer, and the answer has one there that is
  nowhere in the reference or question;
- the same word with another letter: `Hepatitis A`, `Vitamin D`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from medadapt.metrics.contrast.findings import Compared, Finding
from medadapt.metrics.contrast.lexicon import GENERIC, name_class, name_key
from medadapt.metrics.contrast.statements import Statement, Texts, statements
from medadapt.metrics.contrast.words import SYNONYMS, Word, listed, plain, word_key, words

LONGEST = 4
"""Words of a name at most."""
LETTERED = re.compile(
    r"\b(hepatitis|vitamin|group|type|factor|influenza|protein|class|immunoglobulin)[ -]([A-Z]{1,2})\b(?! \w+['’])",
    re.IGNORECASE,
)
ASKING = listed(
    """
    symptom symptoms sign signs treatment treatments cause causes diagnose diagnosed diagnosis outlook
    prognosis inherited inherit affected people information genetic changes related research trials
    clinical prevent prevention risk complications stages exams tests test kind kinds type types drug
    medicine dose treat treated treats help helps lowers have does safe many much often long patient
    doctor happen happens know need give given take used effect effects side meaning define definition
    describe
    """
)
"""Words of questions that name no subject."""
TITLES = listed("syndrome disease disorder virus deficiency dystrophy")
"""What follows a proper name: `Marfan syndrome`."""
VERB_FORM = re.compile(r"(?:ing|ed|ly|ize|ise|ful|able)$")
EVERYDAY = frozenset(word_key(word) for word in SYNONYMS.split())


def names(texts: Texts, *, question: str, options: Sequence[str]) -> Compared:
    """The rule of names; see the head of this file."""
    topic = _topic(question, options)
    asked = frozenset(key for text in (question, *options) for key in _known(statements(text)))
    said, wanted = _known(texts.answer), _known(texts.reference)
    agreed = len(said.keys() & wanted.keys())
    found: dict[str, Finding] = {}
    for one, other in texts.about_the_same():
        for finding in (
            *_replaced(one, other, topic, said, wanted),
            *_others(one, other, said, wanted, asked),
        ):
            found.setdefault(finding.reference, finding)
    for finding in _lettered(texts):
        found.setdefault(finding.reference, finding)
    agreed += len(_letters(texts.answer) & _letters(texts.reference))
    return Compared(agreed=agreed, findings=tuple(found.values()))


def names_repeated(texts: Texts) -> tuple[int, int]:
    """How many of the reference's known names the answer has, and how many there are."""
    said, wanted = _known(texts.answer), _known(texts.reference)
    return len(said.keys() & wanted.keys()), len(wanted)


def _known(texts: Sequence[Statement]) -> dict[str, str]:
    """Keys of the known drugs and diseases of a text -> their class."""
    named = ((word.lower, name_class(word.lower)) for text in texts for word in text.words)
    return {name_key(lower): kind for lower, kind in named if kind is not None}


def _topic(question: str, options: Sequence[str]) -> frozenset[str]:
    """Keys of the words that a question, or an option, may be about."""
    asked = {
        word.key
        for word in words(plain(question))
        if word.content and word.lower not in ASKING and not VERB_FORM.search(word.lower)
    }
    return frozenset(
        asked | {word.key for option in options for word in words(plain(option)) if word.content}
    )


def _replaced(
    one: Statement, other: Statement, topic: frozenset[str], said: dict[str, str], wanted: dict[str, str]
) -> Iterator[Finding]:
    said_words, wanted_words = _spoken(one), _spoken(other)
    matcher = SequenceMatcher(
        a=[word.key for word in wanted_words], b=[word.key for word in said_words], autojunk=False
    )
    blocks = matcher.get_opcodes()
    for place, (what, low, high, start, end) in enumerate(blocks):
        if what != "replace" or high - low > LONGEST or end - start > LONGEST:
            continue
        beside = [blocks[side] for side in (place - 1, place + 1) if 0 <= side < len(blocks)]
        if sum(block[2] - block[1] for block in beside if block[0] == "equal") < 2:
            continue
        old = [word for word in wanted_words[low:high] if word.content]
        new = [word for word in said_words[start:end] if word.content]
        if not old or not new:
            continue
        follows = wanted_words[high].lower if high < len(wanted_words) else ""
        titled = follows in TITLES
        subject = any(word.key in topic for word in old)
        if _named(old, wanted_words, titled, topic) and (
            _named(new, said_words, titled) or (subject and _unusual(new, old))
        ):
            keys = {name_key(word.lower) for word in old}, {name_key(word.lower) for word in new}
            if not keys[0] & (said.keys() | keys[1]) and not keys[1] & wanted.keys():
                yield Finding(kind="name", answer=one.text, reference=other.text,
                              said=_text(new), wanted=_text(old))  # fmt: skip


def _others(
    one: Statement, other: Statement, said: dict[str, str], wanted: dict[str, str], asked: frozenset[str]
) -> Iterator[Finding]:
    here, there = _known([one]), _known([other])
    for missing, kind in there.items():
        if missing in said:
            continue
        strange = [key for key, its in here.items() if its == kind and key not in wanted and key not in asked]
        if strange and not any(its == kind and key in said for key, its in there.items()):
            yield Finding(kind="name", answer=one.text, reference=other.text, said=strange[0], wanted=missing)


def _letters(texts: Sequence[Statement]) -> set[tuple[str, str]]:
    return {
        (match[1].lower(), match[2])
        for text in texts
        for match in LETTERED.finditer(text.plain)
        if match[2].isupper()
    }


def _lettered(texts: Texts) -> Iterator[Finding]:
    said, wanted = _letters(texts.answer), _letters(texts.reference)
    for one, other in texts.about_the_same():
        here, there = _letters([one]), _letters([other])
        for head, letter in sorted(there - said):
            if strange := sorted(letter for name, letter in here - wanted if name == head):
                yield Finding(kind="name", answer=one.text, reference=other.text,
                              said=f"{head} {strange[0]}", wanted=f"{head} {letter}")  # fmt: skip
                break


def _spoken(text: Statement) -> list[Word]:
    return [word for word in text.words if word.lower[0].isalnum()]


def _unusual(new: Sequence[Word], old: Sequence[Word]) -> bool:
    """Whether what stands in the place of the question's subject may be another subject: no everyday word for it."""
    if "".join(word.lower[0] for word in old).startswith("".join(word.lower for word in new)):
        return False  # its initials
    return all(
        len(word.lower) > 4
        and word.lower not in GENERIC
        and word.key not in EVERYDAY
        and not VERB_FORM.search(word.lower)
        for word in new
    )


def _named(
    some: Sequence[Word], sentence: Sequence[Word], titled: bool, topic: frozenset[str] = frozenset()
) -> bool:
    """Whether words look like a name: one is known, asked about, or written like one."""
    telling = [word for word in some if word.lower not in GENERIC and word.key not in GENERIC]
    return any(
        name_class(word.lower) is not None
        or word.key in topic
        or (word.text[0].isupper() and (titled or word is not sentence[0]))
        for word in telling
    )


def _text(some: Sequence[Word]) -> str:
    return " ".join(word.text for word in some)
