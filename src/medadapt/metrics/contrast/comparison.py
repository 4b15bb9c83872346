"""Above where the reference says below, more where it says less."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from medadapt.metrics.contrast.directions import direction_of
from medadapt.metrics.contrast.findings import Compared, Finding
from medadapt.metrics.contrast.negation import AUXILIARY, NOMINAL, VERBAL
from medadapt.metrics.contrast.quantities import NUMBER_WORDS, Quantity, quantities
from medadapt.metrics.contrast.statements import Statement, Texts

BESIDE = 4
"""Content words on either side that tell what a word of more or less is about."""


class Turn(NamedTuple):
    """A word of more or less in a sentence."""

    scale: str
    way: int
    """1 up, -1 down, after a denial turned round."""
    denied: bool
    text: str
    beside: frozenset[str]
    sentence: Statement


def comparison(texts: Texts) -> Compared:
    """Opposite bounds on one value, and opposite words of more and less beside the same words."""
    agreed = 0
    findings: list[Finding] = []
    for found in (_bounds(texts), _turns(texts)):
        agreed += found.agreed
        findings += found.findings
    return Compared(agreed=agreed, findings=tuple(findings))


def _bounds(texts: Texts) -> Compared:
    agreed = 0
    findings: list[Finding] = []
    said = [(one, quantity) for one in texts.answer for quantity in quantities(one.plain) if quantity.bound]
    for text in texts.reference:
        rivals = texts.rivals(text)
        for wanted in quantities(text.plain):
            if not wanted.bound:
                continue
            same = [
                (sentence, quantity)
                for sentence, quantity in said
                if quantity.agrees(wanted)
                and (
                    quantity.dimension == wanted.dimension
                    or (quantity.bounds_the_same(wanted) and any(sentence is rival for rival in rivals))
                )
            ]
            if any(quantity.bound and quantity.bound.way == wanted.bound.way for _, quantity in same):
                agreed += 1
            elif same:
                sentence, quantity = same[0]
                findings.append(
                    Finding(
                        kind="comparison",
                        answer=sentence.text,
                        reference=text.text,
                        said=_with_bound(quantity, sentence.plain),
                        wanted=_with_bound(wanted, text.plain),
                    )
                )
    return Compared(agreed=agreed, findings=tuple(findings))


def _turns(texts: Texts) -> Compared:
    agreed = 0
    findings: list[Finding] = []
    for text in texts.reference:
        for wanted in _turns_of(text):
            near = [
                turn for said in texts.rivals(text) for turn in _turns_of(said) if turn.scale == wanted.scale
            ]
            shared = [(len(turn.beside & wanted.beside), turn) for turn in near]
            most = max((count for count, _ in shared), default=0)
            if not shared or (most == 0 and "/" not in wanted.scale):
                continue
            best = [turn for count, turn in shared if count == most]
            if any(turn.way == wanted.way or turn.denied != wanted.denied for turn in best):
                agreed += 1
            else:
                findings.append(Finding(kind="comparison", answer=best[0].sentence.text, reference=text.text,
                                        said=best[0].text, wanted=wanted.text))  # fmt: skip
    return Compared(agreed=agreed, findings=tuple(findings))


def _turns_of(sentence: Statement) -> list[Turn]:
    if not any(direction_of(word.lower) for word in sentence.words):
        return []
    found = []
    words = sentence.words
    for place, word in enumerate(words):
        if (direction := direction_of(word.lower)) is None:
            continue
        if _is_bound([word.lower for word in words[place + 1 : place + 5]]):
            continue
        scale, way = direction
        before = [w.key for w in words[:place] if w.content and not direction_of(w.lower)][-BESIDE:]
        after = [w.key for w in words[place + 1 :] if w.content and not direction_of(w.lower)][:BESIDE]
        lately = [w.lower for w in words[max(0, place - 4) : place]]
        denied = any(w in VERBAL | NOMINAL for w in lately)
        found.append(
            Turn(scale, -way if denied else way, denied, word.text, frozenset([*before, *after]), sentence)
        )
    return found


def _is_bound(following: Sequence[str]) -> bool:
    """Whether a number follows `than`, so that `more` or `less` is a bound on it."""
    figures = (
        word for word in following[1:] if word[0].isdigit() or word in NUMBER_WORDS.keys() - {"one", "half"}
    )
    return following[:1] == ["than"] and next(figures, None) is not None


def _with_bound(quantity: Quantity, text: str) -> str:
    words = text[: quantity.start].split()[-3:]
    while words and words[0].lower() in AUXILIARY:
        words = words[1:]
    after = re.match(r"\s*(?:or|and)\s+\w+", text[quantity.end :])
    return " ".join([*words, quantity.text]) + (after[0] if after else "")
