"""How much of each test record stands word for word in the records seen before it.

Near copies (`near_duplicates.py`) are alike as a whole. Containment also finds the long text that is put
together from pieces of others, as answers are that share their boilerplate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from medadapt.records.likeness.windows import WIDTH, Hashes, WindowTexts, among, distinct, window_texts

CONTAINED = 0.5
"""Share of a text's distinct windows from which on it counts as contained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTexts:
    """One text of each record, split by split, as windows."""

    texts: WindowTexts
    """Those of test, of train and of validation, one after the other."""
    num_test: int
    num_train: int

    @property
    def test(self) -> list[Hashes]:
        return self.texts.windows[: self.num_test]

    @property
    def train(self) -> list[Hashes]:
        return self.texts.windows[self.num_test : self.num_test + self.num_train]

    @property
    def seen(self) -> list[Hashes]:
        """Of train and validation."""
        return self.texts.windows[self.num_test :]


def split_texts(test: Sequence[str], train: Sequence[str], validation: Sequence[str]) -> SplitTexts:
    """Texts of the three splits, cut into windows together."""
    texts = window_texts([*test, *train, *validation])
    return SplitTexts(texts=texts, num_test=len(test), num_train=len(train))


def contained_shares(texts: Sequence[Hashes], seen: Hashes) -> npt.NDArray[np.float64]:
    """For each text the share of its distinct windows that are among those seen; 0 for a text without words."""
    each = [among(distinct([windows]), seen) for windows in texts]
    return np.array([found.mean() if len(found) else 0.0 for found in each])


def containment(shares: npt.NDArray[np.float64]) -> dict[str, Any]:
    """How many test records are contained, and the median share; as plain data.

    A record is contained when at least half of the distinct runs of eight words of its text also stand in train or
    validation, whichever record they come from. A text of fewer words is contained when it equals a whole one.
    """
    return {
        "count": int((shares >= CONTAINED).sum()),
        "n": len(shares),
        "median_share": float(np.median(shares)) if len(shares) else None,
        "threshold": CONTAINED,
        "width": WIDTH,
    }


def boilerplate(answers: SplitTexts) -> dict[str, Any]:
    """How much of the test answers stands word for word in training answers, as plain data.

    `share` is the mean over the test answers of the share of their distinct windows, `words` the share of all
    words of the test answers that lie in such a window. `passage` is the window that most training answers have, if
    at least two do and a test answer has it, too: its words, and how many answers of each split have it.
    """
    train = distinct(answers.train)
    shares = contained_shares(answers.test, train)
    covered, words = 0, 0
    for numbers, windows in zip(answers.texts.numbers, answers.test, strict=False):
        words += len(numbers)
        covered += _covered(among(windows, train), len(numbers))
    if not words:
        reason = "the test answers hold no words"
        return {"share": None, "words": None, "passage": None, "reason": reason}
    return {
        "share": float(shares.mean()),
        "words": covered / words,
        "passage": _most_repeated(answers),
        "reason": None,
    }


def _covered(found: npt.NDArray[np.bool_], num_words: int) -> int:
    """How many of a text's words lie in one of the windows that were found."""
    if num_words < WIDTH:
        return num_words if found.any() else 0
    lies = np.zeros(num_words, dtype=np.bool_)
    for place in range(WIDTH):
        lies[place : place + len(found)] |= found
    return int(lies.sum())


def _most_repeated(answers: SplitTexts) -> dict[str, Any] | None:
    windows, counts = _frequencies(answers.train, among_these=distinct(answers.test))
    most = int(counts.max(initial=0))
    if most < 2:
        return None
    # Of equally frequent windows the one that comes first in the test answers: they mostly belong together.
    hits = [among(each, windows[counts == most]) for each in answers.test]
    text = next(place for place, found in enumerate(hits) if found.any())
    place = int(hits[text].argmax())
    in_test = sum(bool((each == answers.test[text][place]).any()) for each in answers.test)
    return {"text": answers.texts.passage(text, place), "train": most, "test": in_test}


def _frequencies(texts: Sequence[Hashes], *, among_these: Hashes) -> tuple[Hashes, npt.NDArray[np.intp]]:
    """Those of the given windows that stand in the texts, sorted, and in how many of the texts each stands."""
    every = np.concatenate([np.empty(0, np.uint64), *texts])
    text = np.repeat(np.arange(len(texts)), [len(windows) for windows in texts])
    wanted = among(every, among_these)
    every, text = every[wanted], text[wanted]
    order = np.lexsort((text, every))
    every, text = every[order], text[order]
    again = np.append(False, (every[1:] == every[:-1]) & (text[1:] == text[:-1]))[: len(every)]
    return _runs(every[~again])


def _runs(ordered: Hashes) -> tuple[Hashes, npt.NDArray[np.intp]]:
    """Each number of an ordered array once, and how often it stands there."""
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    return ordered[starts], np.diff(np.append(starts, len(ordered)))
