"""Texts that are nearly the same: Jaccard similarity of character 5-grams of at least 0.8, found exactly.

Candidates come from prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007): when
elements are ordered by rarity, two sets with Jaccard similarity t share one among the first |y| - ceil(t|y|)
+ 1 of the larger set and the first |x| - ceil(2t/(1+t) |x|) + 1 of the smaller. The place of the first shared
element bounds how much can still be shared (Xiao et al. 2008). No pair is missed, unlike with MinHash, and
rare grams keep the candidates few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from medadapt.records.grams import GramSet, gram_sets

THRESHOLD = 0.8


class _Index:
    """Gram sets, each with a key, that can be asked for those near a given set that is at least as large."""

    def __init__(self, num_grams: int) -> None:
        self._by_gram: dict[
            int, dict[int, list[tuple[int, int]]]
        ] = {}  # gram -> key -> (set, place of the gram)
        self._sets: list[GramSet] = []
        self._marked: npt.NDArray[np.bool_] = np.zeros(num_grams, dtype=np.bool_)

    def add(self, grams: GramSet, key: int) -> None:
        """Make a set findable; sets of one key can be passed over together."""
        for place, gram in enumerate(_first(grams, 2 * THRESHOLD / (1 + THRESHOLD))):
            self._by_gram.setdefault(gram, {}).setdefault(key, []).append((len(self._sets), place))
        self._sets.append(grams)

    def near(self, grams: GramSet, passed_over: Callable[[int], bool]) -> Iterator[int]:
        """Keys of the sets near this one, except those that are passed over by the time they come."""
        self._marked[grams] = True
        try:
            seen: set[int] = set()
            for place, gram in enumerate(_first(grams, THRESHOLD)):
                for key, members in self._by_gram.get(gram, {}).items():
                    for number, other_place in members:
                        if passed_over(key):
                            break
                        if number in seen:
                            continue
                        seen.add(number)
                        if self._is_near(grams, self._sets[number], place=place, other_place=other_place):
                            yield key
        finally:
            self._marked[grams] = False

    def _is_near(self, grams: GramSet, other: GramSet, *, place: int, other_place: int) -> bool:
        """Whether the marked set is near another; the places are those of the first gram they share."""
        sizes = len(grams) + len(other)
        most = min(len(grams) - place, len(other) - other_place)
        if not reaches_threshold(most, sizes - most):
            return False
        shared = int(self._marked[other].sum())
        return reaches_threshold(shared, sizes - shared)


def reaches_threshold(shared: int, union: int) -> bool:
    """Whether `shared` of `union` distinct grams make two texts near."""
    return 10 * shared >= round(10 * THRESHOLD) * union


def near_clusters(texts: Sequence[str]) -> list[int]:
    """The cluster of each text: texts joined by chains of near pairs (single linkage) share a number.

    A cluster is numbered by the first text in it.
    """
    first_of: dict[str, int] = {}
    for number, text in enumerate(texts):
        first_of.setdefault(text, number)
    distinct = list(first_of)
    sets = gram_sets(distinct)
    parent = list(range(len(distinct)))
    index = _Index(_num_grams(sets))
    for number in _by_size(sets):

        def joined(key: int, number: int = number) -> bool:
            return _root(parent, key) == _root(parent, number)

        for key in index.near(sets[number], joined):
            low, high = sorted((_root(parent, number), _root(parent, key)))
            parent[high] = low
        index.add(sets[number], key=_root(parent, number))
    place = {text: number for number, text in enumerate(distinct)}
    return [first_of[distinct[_root(parent, place[text])]] for text in texts]


def near_matches(queries: Sequence[str], corpus: Sequence[str]) -> list[int | None]:
    """For each query the number of a corpus text that is near it, or None where there is none."""
    sets = gram_sets([*queries, *corpus])
    asked, known = _Index(_num_grams(sets)), _Index(_num_grams(sets))
    matches: list[int | None] = [None] * len(queries)
    for number in _by_size(sets):
        grams = sets[number]
        if number < len(queries):
            matches[number] = next(known.near(grams, lambda _: False), None)
            asked.add(grams, key=number)
        else:
            for query in asked.near(grams, lambda query: matches[query] is not None):
                matches[query] = number - len(queries)
            known.add(grams, key=number - len(queries))
    return matches


def _by_size(sets: Sequence[GramSet]) -> list[int]:
    return sorted(range(len(sets)), key=lambda number: len(sets[number]))


def _first(grams: GramSet, share: float) -> list[int]:
    """The rarest grams, so many that a set which shares `share` of all cannot miss them."""
    needed = math.ceil(share * len(grams) - 1e-9)
    return grams[: len(grams) - needed + 1].tolist()


def _num_grams(sets: Sequence[GramSet]) -> int:
    return 1 + max((int(grams[-1]) for grams in sets), default=0)


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number
