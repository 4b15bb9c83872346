"""Gram sets that are nearly the same, found exactly among many.

Candidates come from prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007): when
elements are ordered by rarity and two sets share o of them, the first |x| - o + k of one and the first
|y| - o + k of the other share k (Wang, Li and Feng 2012 choose k; here it grows with the set). What is known of o
is that Jaccard similarity t asks for at least t|x| of the larger set and 2t/(1+t) |y| of the smaller. Bitmaps
then rule out most candidates (Sandes, Teodoro and Melo 2020), and the rest are counted exactly. No pair is
missed, unlike with MinHash, and rare grams keep the candidates few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from medadapt.records.likeness.grams import GramSet

TENTHS = 8
"""The threshold in tenths: similarity 0.8, without rounding."""
MOST_SHARED = 8
"""Largest k: grams that two prefixes must share. More costs longer prefixes and spares few candidates."""
GRAMS_A_SHARE = 40
"""A set of so many grams more asks for one more shared gram."""
AT_ONCE = 256
"""Candidates counted together; what they turn out to be may spare the rest."""

BITS = 1024
"""Bits of the bitmap of a set. Sets of a few hundred grams that differ in half of them differ in most bits."""

Numbers = npt.NDArray[np.intp]
LONG_RUNS = 4
"""Sets of one key that share a gram, on average, from which on it pays to pass over the key as a whole."""
Bitmaps = npt.NDArray[np.uint64]
"""Two halves, each with a row for each set: most sets are ruled out by the first half of their bits."""
Keys = npt.NDArray[np.intp]
"""What each set is known by; sets of one key are passed over together."""
Skip = Callable[[int, Keys], npt.NDArray[np.bool_]]
"""A set's number, and keys -> which keys need not be compared with it (any more)."""


def near_sets(sets: Sequence[GramSet], keys: Keys, skip: Skip) -> Iterator[tuple[int, Numbers]]:
    """Each set's number with the numbers of sets near it, those apart that `skip` passes over.

    A pair comes once, with the larger set first. The caller may change what `skip` says between two pairs.
    """
    index = _Index(sets, keys)
    for place, number in enumerate(index.order.tolist()):
        for found in index.near(place, partial(skip, number)):
            yield number, found


class _Index:
    """Sets in the order of their size, and for each gram the places of those that have it in their prefix.

    The places of one gram are kept twice. In the order of places, those that are not too small and come before
    the set asked for are a stretch that moves along with it. By key they lie in runs, so that a key is passed
    over without a look at its sets: where thousands of texts are all alike this is what keeps the work small.
    """

    def __init__(self, sets: Sequence[GramSet], keys: Keys) -> None:
        sizes = np.array([len(grams) for grams in sets], dtype=np.int64)
        self.order: Numbers = np.argsort(sizes, kind="stable")
        self._sets = [sets[number] for number in self.order]
        self._sizes, self._keys = sizes[self.order], keys[self.order]
        self._bitmaps = bitmaps(self._sets)
        num_grams = 1 + max((int(grams[-1]) for grams in sets), default=0)
        self._marked = np.zeros(num_grams, dtype=np.bool_)
        # 2t/(1+t) with t in tenths.
        self._prefixes = [
            grams[: len(grams) - _ceil(2 * TENTHS * len(grams), 10 + TENTHS) + MOST_SHARED]
            for grams in self._sets
        ]
        grams = np.concatenate([np.empty(0, dtype=np.int32), *self._prefixes])
        places = np.repeat(
            np.arange(len(self._prefixes), dtype=np.int32), [len(prefix) for prefix in self._prefixes]
        )
        by_place = np.argsort(grams, kind="stable")
        self._places = places[by_place]
        start = np.searchsorted(grams[by_place], np.arange(num_grams + 1))
        del by_place
        by_key = np.lexsort((self._keys[places], grams))  # stable: places ascend within a run
        grams, self._run_places = grams[by_key], places[by_key]
        del by_key
        key_of = self._keys[self._run_places]
        first = np.ones(len(grams), dtype=np.bool_)
        first[1:] = (grams[1:] != grams[:-1]) | (key_of[1:] != key_of[:-1])
        self._run_starts = np.append(np.flatnonzero(first), len(grams))
        self._run_keys = key_of[first]
        self._first_run = np.searchsorted(grams[first], np.arange(num_grams + 1))
        self._runs = np.arange(len(self._run_keys))
        self._from, self._to = start[:-1].copy(), start[:-1].copy()
        """Of each gram, where in `_places` the sets begin that are large enough, and where they end."""
        self._first = self._last = 0
        """The places that `_from` and `_to` stand for."""

    def near(self, place: int, skip: Callable[[Keys], npt.NDArray[np.bool_]]) -> Iterator[Numbers]:
        """Numbers of the sets before this place that are near the one at it, a few at a time."""
        left = can_be_near(self._bitmaps, place, self._candidates(place, skip), self._sizes)
        if len(left) == 0:
            return
        grams = self._sets[place]
        self._marked[grams] = True
        try:
            while len(left := left[~skip(self._keys[left])]):
                compared, left = left[:AT_ONCE], left[AT_ONCE:]
                near = compared[self._are_near(len(grams), compared)]
                if len(near):
                    yield self.order[near]
        finally:
            self._marked[grams] = False

    def _candidates(self, place: int, skip: Callable[[Keys], npt.NDArray[np.bool_]]) -> Numbers:
        """Places before this one whose prefix shares enough grams with the prefix of the set at it."""
        grams = self._sets[place]
        size = len(grams)
        shared = min(MOST_SHARED, 1 + size // GRAMS_A_SHARE)
        prefix = grams[: size - _ceil(TENTHS * size, 10) + shared]
        first = self._move_along(place)
        met = self._met(prefix, place, skip)
        if len(met) < shared:
            return np.empty(0, dtype=np.intp)
        return first + np.flatnonzero(np.bincount(met - first) >= shared)

    def _move_along(self, place: int) -> int:
        """Let in the sets before this place, and out those too small for it; returns the first that is not."""
        for number in range(self._last, place):
            self._to[self._prefixes[number]] += 1
        first = int(np.searchsorted(self._sizes[:place], _ceil(TENTHS * len(self._sets[place]), 10)))
        for number in range(self._first, first):
            self._from[self._prefixes[number]] += 1
        self._first, self._last = first, place
        return first

    def _met(
        self, prefix: GramSet, place: int, skip: Callable[[Keys], npt.NDArray[np.bool_]]
    ) -> npt.NDArray[np.int32]:
        """Places before this one, of sets not too small, with these grams in their prefix, once for each gram."""
        first, last = self._first_run[prefix], self._first_run[prefix + 1]
        start, end = self._run_starts[first], self._run_starts[last]
        if (end - start).sum() <= LONG_RUNS * (last - first).sum():  # to look at the keys costs more
            return _slices(self._places, self._from[prefix], self._to[prefix])
        runs = _slices(self._runs, first, last)
        runs = runs[~skip(self._run_keys[runs])]
        met = _slices(self._run_places, self._run_starts[runs], self._run_starts[runs + 1])
        return met[(met >= self._first) & (met < place)]

    def _are_near(self, size: int, places: Numbers) -> npt.NDArray[np.bool_]:
        """Which of the sets at these places are near the marked one."""
        sizes = self._sizes[places]
        grams = np.concatenate([self._sets[place] for place in places.tolist()])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        shared = np.add.reduceat(self._marked[grams], starts, dtype=np.int64)
        near: npt.NDArray[np.bool_] = is_near(shared, size + sizes)
        return near


def can_be_near(maps: Bitmaps, one: int, others: Numbers, sizes: Numbers) -> Numbers:
    """Those of the other sets that may be near one set, by their bitmaps; `sizes` are the grams of each.

    Each bit that differs comes from a gram, or several, that only one of the two sets has. Near sets share at
    least t/(1+t) of their grams together, so at most (1-t)/(1+t) of them are in one set only.
    """
    differ = np.zeros(len(others), dtype=np.int64)
    for half in maps:
        # `take` is several times as fast here as an index in brackets.
        differ += np.bitwise_count(half[one] ^ half.take(others, axis=0)).sum(axis=1, dtype=np.int64)
        possible = (10 + TENTHS) * differ <= (10 - TENTHS) * (sizes[one] + sizes[others])
        others, differ = others[possible], differ[possible]
    return others


def bitmaps(sets: Sequence[GramSet]) -> Bitmaps:
    """Of each set whether an even or an odd number of its grams falls on each bit: (2, sets, words)."""
    maps = np.empty((2, len(sets), BITS // 128), dtype=np.uint64)
    for place, grams in enumerate(sets):
        odd = np.bincount(grams % BITS, minlength=BITS).astype(np.uint8) & 1
        maps[:, place] = np.packbits(odd).view(np.uint64).reshape(2, -1)
    return maps


def is_near(shared: Any, sizes: Any) -> Any:
    """Whether sets of together `sizes` grams are near when they share so many; numbers or arrays."""
    return 10 * shared >= TENTHS * (sizes - shared)


def _slices(array: npt.NDArray[Any], starts: Numbers, ends: Numbers) -> npt.NDArray[Any]:
    """The stretches of an array from each start to its end, joined."""
    pieces = [array[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
    return np.concatenate([array[:0], *pieces])


def _ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)
