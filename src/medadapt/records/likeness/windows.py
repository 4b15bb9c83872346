"""Texts as runs of eight words: what stands word for word in two texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.grams import MULTIPLIER, SHIFT

WIDTH = 8

Hashes = npt.NDArray[np.uint64]
"""The windows of one text, in its order and repeated as in it; or the distinct windows of many, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTexts:
    """Texts of a collection as words of the normal form and as windows of them."""

    words: list[str]
    """Every word of the collection; its place is its number less 1."""
    numbers: list[npt.NDArray[np.int32]]
    """The words of each text, as numbers from 1."""
    windows: list[Hashes]
    """One hash for each run of eight words. A text of fewer words is one window of its own, so that it equals only
    a whole text; a text without words has none."""

    def passage(self, text: int, window: int) -> str:
        """The words of a window of a text."""
        numbers = self.numbers[text][window : window + WIDTH]
        return " ".join(self.words[number - 1] for number in numbers.tolist())


def window_texts(texts: Sequence[str]) -> WindowTexts:
    """The windows of each text, told apart by 64-bit hashes (see `grams.py` for how rarely they collide)."""
    number: dict[str, int] = {}
    numbers = [
        np.array([number.setdefault(word, len(number) + 1) for word in normal_form(text).split()], np.int32)
        for text in texts
    ]
    return WindowTexts(words=list(number), numbers=numbers, windows=[_hashes(each) for each in numbers])


def distinct(windows: Sequence[Hashes]) -> Hashes:
    """The distinct windows of texts, sorted."""
    # Sorted here: numpy's own `unique` puts millions of numbers into a hash table first, which takes ten times as long.
    ordered = np.sort(np.concatenate([np.empty(0, np.uint64), *windows]))
    return ordered[np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]]


def among(windows: Hashes, seen: Hashes) -> npt.NDArray[np.bool_]:
    """Which windows are among the distinct, sorted ones seen."""
    if not len(seen):
        return np.zeros(len(windows), dtype=np.bool_)
    places = np.minimum(np.searchsorted(seen, windows), len(seen) - 1)
    found: npt.NDArray[np.bool_] = seen[places] == windows
    return found


def _hashes(numbers: npt.NDArray[np.int32]) -> Hashes:
    if not len(numbers):
        return np.empty(0, dtype=np.uint64)
    codes = numbers.astype(np.uint64)
    if len(codes) < WIDTH:
        codes = np.pad(codes, (0, WIDTH - len(codes)))  # no word has the number 0
    width = len(codes) - WIDTH + 1
    value = np.zeros(width, dtype=np.uint64)
    for place in range(WIDTH):
        value = (value + codes[place : place + width]) * MULTIPLIER
        value ^= value >> SHIFT
    return value
