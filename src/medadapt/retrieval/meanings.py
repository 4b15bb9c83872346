"""Search by meaning: texts whose vectors point where the question's does.

The vectors come from a sentence-embedding model, which this package does not know: it gets a function that makes them.

Shapes: N texts, H width of a vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts -> vectors of length 1 (N, H); of a text without tokens the zero vector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedBy:
    """The model that made an index's vectors, and must make the question's."""

    folder: str
    sha256: str


class MeaningSearch:
    """The vectors of some texts, numbered from 0."""

    def __init__(self, vectors_NH: NDArray[np.float32], embed: Embed, by: EmbeddedBy) -> None:
        self.vectors_NH = vectors_NH
        self._embed = embed
        self.by = by

    @classmethod
    def of(cls, texts: Sequence[str], embed: Embed, by: EmbeddedBy) -> MeaningSearch:
        """Vectors of texts."""
        return cls(embed(texts), embed, by)

    def best(self, question: str, count: int) -> list[tuple[int, float]]:
        """(number of a text, cosine), the nearest first; nothing for a question without tokens."""
        asked_H = self._embed([question])[0]
        if not asked_H.any():
            return []
        cosines_N = self.vectors_NH @ asked_H
        count = min(count, len(cosines_N))
        nearest = np.argpartition(-cosines_N, count - 1)[:count]
        ordered = sorted(nearest.tolist(), key=lambda number: (-cosines_N[number], number))
        return [(number, float(cosines_N[number])) for number in ordered]
