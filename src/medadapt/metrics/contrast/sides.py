"""Left where the reference says right, upper where it says lower."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from medadapt.metrics.contrast.findings import Compared, Finding
from medadapt.metrics.contrast.statements import Statement, Texts
from medadapt.metrics.contrast.words import Word

PAIRS = (
    ("left", "right"), ("upper", "lower"), ("proximal", "distal"), ("anterior", "posterior"), ("medial", "lateral"),
    ("unilateral", "bilateral"), ("ipsilateral", "contralateral"), ("superior", "inferior"), ("dorsal", "ventral"),
    ("inner", "outer"), ("left-sided", "right-sided"), ("front", "back"), ("top", "bottom"),
)  # fmt: skip
SIDES = {word: (pair[0], way) for pair in PAIRS for way, word in zip((1, -1), pair, strict=True)}
NO_SIDE = re.compile(
    r"\b(?:left (?:untreated|alone|out|over|behind|with|without|in place|to)|all right|back pain"
    r"|(?:is|are|was|were|been|be|has|have) left|(?:come|comes|came|go|goes|went) back|back to"
    r"|right (?:away|now|after|before|to|of|amount|dose|treatment|choice|answer|time)"
    r"|lower (?:the|your|blood|risk|cholesterol|level|dose|than|amount))\b",
    re.IGNORECASE,
)
"""Uses of these words that name no side."""


class Side(NamedTuple):
    """A side that a sentence names, and what it is the side of."""

    pair: str
    way: int
    text: str
    part: tuple[str, ...]
    """Keys of the next two content words, or of the last two before it where none follow."""
    sentence: Statement


def sides(texts: Texts) -> Compared:
    """Opposite sides of the same part in sentences on the same matter."""
    agreed = 0
    findings: list[Finding] = []
    for text in texts.reference:
        for wanted in _sides_of(text):
            near = [
                side for said in texts.rivals(text) for side in _sides_of(said) if side.pair == wanted.pair
            ]
            best = _nearest(near, wanted)
            if any(side.way == wanted.way for side in best):
                agreed += 1
            elif best:
                findings.append(Finding(kind="side", answer=best[0].sentence.text, reference=text.text,
                                        said=_phrase(best[0]), wanted=_phrase(wanted)))  # fmt: skip
    return Compared(agreed=agreed, findings=tuple(findings))


def _nearest(near: Sequence[Side], wanted: Side) -> list[Side]:
    """The sides named of the same part: of the very next word first, else of any shared one."""
    same_head = [side for side in near if side.part[:1] == wanted.part[:1]]
    return same_head or [side for side in near if set(side.part) & set(wanted.part)]


def _sides_of(sentence: Statement) -> list[Side]:
    words = sentence.words
    if not any(word.lower in SIDES for word in words):
        return []
    plain = NO_SIDE.sub(lambda match: "~" * len(match[0]), sentence.plain)
    open_counts = {name: len(re.findall(rf"\b{re.escape(name)}\b", plain, re.IGNORECASE)) for name in SIDES}
    found = []
    for place, word in enumerate(words):
        if (side := SIDES.get(word.lower)) is None or not open_counts[word.lower]:
            continue
        pair, way = side
        after = _content(words[place + 1 :])[:2]
        part = after or _content(words[:place])[-2:]
        found.append(Side(pair, way, word.text, tuple(part), sentence))
    return found


def _content(words: Sequence[Word]) -> list[str]:
    kept: list[str] = []
    for word in words:
        if word.lower in {".", ";", ":", ","}:
            if kept:
                break
            continue
        if word.content and word.lower not in SIDES and word.lower not in {"side", "part", "half"}:
            kept.append(word.key)
    return kept


def _phrase(side: Side) -> str:
    """The side with the word that follows it."""
    match = re.search(rf"\b{re.escape(side.text)}\b(?:\s+\w+)?", side.sentence.plain)
    return match[0] if match else side.text
