"""Texts as sets of character 5-grams."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

GRAM = 5
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
SHIFT = np.uint64(29)

GramSet = npt.NDArray[np.int32]
"""Sorted numbers of the distinct grams of a text; the rarest gram of the collection is 0."""


def gram_sets(texts: Sequence[str]) -> list[GramSet]:
    """The set of 5-grams of each text, numbered from the rarest of the collection to the most frequent.

    A text shorter than five characters is one gram of its own. Grams are told apart by 64-bit hashes: among
    ten million different grams a collision has a probability of about 3e-6.
    """
    if not texts:
        return []
    hashed = [_hashes(text) for text in texts]
    grams, counts = np.unique(np.concatenate(hashed), return_counts=True)
    # Ties by hash, so that the numbering does not hang on the order of texts.
    order = np.lexsort((grams, counts))
    rank = np.empty(len(grams), dtype=np.int32)
    rank[order] = np.arange(len(grams), dtype=np.int32)
    # Looked up text by text: the inverse that numpy offers takes several times the memory of all grams.
    return [np.sort(rank[np.searchsorted(grams, part)]) for part in hashed]


def _hashes(text: str) -> npt.NDArray[np.uint64]:
    """Distinct 64-bit hashes of the 5-grams of one text."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(
        np.uint64
    ) + np.uint64(1)
    if len(codes) < GRAM:
        codes = np.pad(codes, (0, GRAM - len(codes)))
    width = len(codes) - GRAM + 1
    value = np.zeros(width, dtype=np.uint64)
    for place in range(GRAM):
        value = (value + codes[place : place + width]) * MULTIPLIER
        value ^= value >> SHIFT
    return np.unique(value)
