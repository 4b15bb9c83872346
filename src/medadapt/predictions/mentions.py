"""Names of diseases and options found in free text: whole names only, the longest one first.

Medicine is full of names that begin or end like others: `Hepatitis B` is not `hepatitis`, `Type 2` is
not `Type`, `malaria-like` is not `malaria`. A name counts only between word boundaries and without a
letter, number or roman numeral that would make it another disease.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from medadapt.predictions.denials import NEGATION, is_turned_down

MARKUP = re.compile(r"[*`\u200b\ufeff]|</?(?:b|i|em|strong)>")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
ONLY_A_REASON = re.compile(r"\W*(?:because|since|due to|based on|given|considering)\b", re.IGNORECASE)
"""How a sentence begins that gives a reason and no answer."""

HALF_WORD = re.compile(r"\w-\s+(?:or|and)\s")
"""`hyper- or hypothyroidism` names two things."""

# ` B`, ` 2`, ` II`, `(B)`, ` type 2` after a name make another name of it. A lower-case `a` or an `I`
# before a further word is an article or a pronoun, and a number before `%` is a confidence.
QUALIFIER = (
    r"(?:-\w|(?:\s+|\s*\()(?:(?i:type|stage|grade|group|class|subtype)\s+)?"
    r"(?!a\s+\w|[Ii]\s+\w)(?:[A-Za-z]|\d{1,2}|[IVX]{1,4})(?![\w%'’]|\s?%)|\s*\[[A-J]\])"
)
AFTER_COMMA = r"(?:,\s*(?i:type|stage|grade|group|class|subtype)\s+(?:[A-Za-z]|\d{1,2}|[IVX]{1,4})(?!\w))"
# What may stand between a name that opens an answer and the rest of it.
NAME_ENDS = re.compile(
    r"\s*(?:$|\n|[.,;:!(]|\)|\"|”|'(?!\w)|[–—]|\s-\s|-\s)"
    r"|\s+(?:because|since|as|due|it|they|he|she|this|these|there"
    r"|is\s+(?:the\s+)?(?:most\s+)?(?:correct|right|best|answer|likely))\b",
    re.IGNORECASE,
)
LIST_GOES_ON = re.compile(
    r"\s*(?:[,/&+;]|\b(?:and|or|plus|vs|versus)\b)+\s*(?:(?:and|or|an?|the)\s+)*", re.IGNORECASE
)
# `B or C` after `Hepatitis`: the second name is spelled by its last letter or number alone.
ENDS_IN_QUALIFIER = re.compile(r"\s(?:[A-Za-z]|\d{1,2}|[IVX]{1,4})$")
ANOTHER_QUALIFIER = re.compile(
    rf"{LIST_GOES_ON.pattern}(?!a\s+\w|[Ii]\s+\w)(?:[A-Za-z]|\d{{1,2}}|[IVX]{{1,4}})(?![\w%'])"
)


class Mention(NamedTuple):
    """Where a name stands in a text, and what it is a name of."""

    start: int
    end: int
    value: str


def plain(text: str) -> str:
    """Text with full-width letters, markup, odd dashes and quotes made ordinary; case and lines are kept."""
    text = MARKUP.sub("", unicodedata.normalize("NFKC", text))
    text = text.replace("‐", "-").replace("‑", "-").replace("’", "'").replace("‘", "'")
    text = text.replace("İ", "I")  # to a pattern without regard to case it is an i, to `upper` it is not
    return re.sub(r"[^\S\n]+", " ", text.replace("\r", "\n")).strip()


def name_key(name: str) -> str:
    """The form in which two spellings of one name are equal: case, spaces and underscores do not matter."""
    return re.sub(r"[\s_]+", " ", plain(name)).strip(" .,;:!\"'").casefold()


def first_sentence(text: str) -> str:
    """What stands before the first sentence end or line break; empty lines do not count."""
    return SENTENCE_END.split(text.strip(), maxsplit=1)[0]


def find_mentions(text: str, names: Mapping[str, str]) -> list[Mention]:
    """Every whole name in `text` (see `plain`), left to right, longer names winning over those inside them.

    `names` maps the key of a name (`name_key`) to what it stands for.
    """
    if not names:
        return []
    found = _any_of(tuple(names)).finditer(text)
    return [
        Mention(match.start(), match.end(), names[key])
        for match in found
        if (key := name_key(match[1])) in names
    ]


def leading_name(text: str, names: Mapping[str, str]) -> Mention | None:
    """The name at the very beginning of `text`, whatever follows it."""
    return next((mention for mention in _first_mentions(text, names) if mention.start == 0), None)


def opening_name(text: str, names: Mapping[str, str]) -> str | None:
    """What the name that opens `text` stands for; None where no name does, a list does, or it is turned down."""
    text = text.lstrip(" \n\"'“(")
    mentions = _first_mentions(text, names)
    if not mentions or mentions[0].start != 0:
        return None
    first = mentions[0]
    if NAME_ENDS.match(text, first.end) is None or is_turned_down(text, first.end, text[: first.end]):
        return None
    return None if _list_goes_on(text, first, mentions[1:]) else first.value


def only_name(text: str, names: Mapping[str, str]) -> str | None:
    """What the only name in the first sentence stands for; None in a question, a reason or a denial.

    The text after that sentence counts only where it turns the name down: `It is malaria. That is wrong.`
    """
    sentence = first_sentence(text)
    mentions = find_mentions(sentence, names)
    if sentence.rstrip(" \"')").endswith("?") or ONLY_A_REASON.match(sentence) or HALF_WORD.search(sentence):
        return None
    if NEGATION.search(_without(sentence, mentions)):
        return None
    for mention in mentions:
        said = sentence[mention.start : mention.end]
        if _half_list_goes_on(sentence, mention) or is_turned_down(text, mention.end, said):
            return None
    values = {
        mention.value
        for mention in mentions
        # `aids` inside a sentence is no AIDS.
        if not (
            len(mention.value) > 1
            and mention.value.isupper()
            and sentence[mention.start : mention.end].islower()
        )
    }
    return values.pop() if len(values) == 1 else None


@lru_cache(maxsize=64)
def _any_of(keys: tuple[str, ...]) -> re.Pattern[str]:
    spelled = (re.escape(key).replace(r"\ ", r"[\s_]+") for key in sorted(keys, key=len, reverse=True) if key)
    return re.compile(rf"(?<![\w-])((?i:{'|'.join(spelled)}))(?!\w|{QUALIFIER}|{AFTER_COMMA})")


def _first_mentions(text: str, names: Mapping[str, str]) -> list[Mention]:
    room_for_two = 3 * max((len(name) for name in names), default=0) + 80
    return find_mentions(text[:room_for_two], names)


def _without(text: str, mentions: list[Mention]) -> str:
    """Text with its names blanked: the `no` of an option `No treatment` denies nothing."""
    for mention in reversed(mentions):
        text = f"{text[: mention.start]} _ {text[mention.end :]}"
    return text


def _half_list_goes_on(text: str, first: Mention) -> bool:
    """Whether a name goes on as a list of which only the last letters stand: `Hepatitis B or C`."""
    if ENDS_IN_QUALIFIER.search(text[first.start : first.end]) is None:
        return False
    return ANOTHER_QUALIFIER.match(text, first.end) is not None


def _list_goes_on(text: str, first: Mention, others: list[Mention]) -> bool:
    if _half_list_goes_on(text, first):
        return True
    gap = LIST_GOES_ON.match(text, first.end)
    return gap is not None and any(
        other.start == gap.end() and other.value != first.value for other in others
    )
