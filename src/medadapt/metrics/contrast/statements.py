"""Which sentences of an answer speak of the same matter as which sentences of its reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medadapt.metrics.contrast.words import KEPT, Word, plain, sentences, words

SAME_MATTER = 0.5
"""Two sentences speak of the same matter when they share this much of the shorter one's content words."""
DISTANT_MATTER = 0.4
"""For numbers less will do: what stands around a dose is often said in other words."""
FEW_WORDS = 2
"""A sentence with no more content words than this may share a single one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One sentence, or a clause of one."""

    text: str
    """The whole sentence as it was written."""
    plain: str
    """The statement itself, in ordinary spelling (`words.plain`)."""
    words: tuple[Word, ...]
    matter: frozenset[str]
    """Keys of its content words."""


def statement(text: str, part: str | None = None) -> Statement:
    """A sentence as a statement, or `part`, a clause of it."""
    ordinary = plain(text if part is None else part)
    found = tuple(words(ordinary))
    matter = frozenset(word.key for word in found if word.content)
    return Statement(text=text, plain=ordinary, words=found, matter=matter)


@lru_cache(maxsize=KEPT)
def statements(text: str) -> tuple[Statement, ...]:
    """A text sentence by sentence."""
    return tuple(statement(sentence) for sentence in sentences(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """An answer and its reference, sentence by sentence."""

    answer: tuple[Statement, ...]
    reference: tuple[Statement, ...]
    pairs: tuple[tuple[float, Statement, Statement], ...]
    """Likeness, sentence of the answer and of the reference, the likest first; nothing below `DISTANT_MATTER`."""

    def about_the_same(self, at_least: float = SAME_MATTER) -> Iterator[tuple[Statement, Statement]]:
        """Sentences of the answer and of the reference that speak of the same matter."""
        return ((said, wanted) for how_like, said, wanted in self.pairs if how_like >= at_least)

    def rivals(self, wanted: Statement) -> list[Statement]:
        """The sentences of the answer on the matter of this one of the reference."""
        return [said for said, other in self.about_the_same() if other is wanted]


def compare_texts(answer: str, reference: str) -> Texts:
    """Both texts with the sentences that belong together."""
    said, wanted = statements(answer), statements(reference)
    near = [(likeness(one.matter, other.matter), one, other) for other in wanted for one in said]
    kept = sorted((pair for pair in near if pair[0] >= DISTANT_MATTER), key=lambda pair: -pair[0])
    return Texts(answer=said, reference=wanted, pairs=tuple(kept))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the smaller set that both have; 0 where too little is shared to mean anything.

    >>> likeness(frozenset("abcd"), frozenset("abxyz")), likeness(frozenset("abc"), frozenset("axyz"))
    (0.5, 0.0)
    """
    shared = len(one & other)
    if shared == 0:
        return 0.0
    smaller = min(len(one), len(other))
    return 0.0 if shared == 1 and smaller > FEW_WORDS else shared / smaller
