"""Texts that are nearly the same: Jaccard similarity of character 5-grams of at least 0.8, found exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from medadapt.records.likeness.grams import GramSet, gram_sets
from medadapt.records.likeness.near_join import TENTHS, Numbers, is_near, near_sets

THRESHOLD = TENTHS / 10


def near_clusters(texts: Sequence[str]) -> list[int]:
    """The cluster of each text: texts joined by chains of near pairs (single linkage) share a number.

    A cluster is numbered by the first text in it.
    """
    first_of: dict[str, int] = {}
    for number, text in enumerate(texts):
        first_of.setdefault(text, number)
    distinct = list(first_of)
    sets = gram_sets(distinct)
    parent: Numbers = np.arange(len(distinct))
    for one, other in _near_neighbours(distinct, sets):
        roots = _roots(parent, np.array([one, other]))
        parent[roots] = roots.min()

    def joined(number: int, keys: Numbers) -> npt.NDArray[np.bool_]:
        return _roots(parent, keys) == _roots(parent, np.array([number]))[0]

    for number, near in near_sets(sets, _roots(parent, np.arange(len(distinct))), joined):
        roots = _roots(parent, np.append(near, number))
        parent[roots] = roots.min()
    cluster = [first_of[distinct[root]] for root in _roots(parent, np.arange(len(distinct))).tolist()]
    place = {text: number for number, text in enumerate(distinct)}
    return [cluster[place[text]] for text in texts]


def near_matches(queries: Sequence[str], corpus: Sequence[str]) -> list[int | None]:
    """For each query the number of a corpus text that is near it, or None where there is none."""
    texts = [*queries, *corpus]
    sets = gram_sets(texts)
    match = np.full(len(texts), -1)
    is_query = np.arange(len(texts)) < len(queries)
    for one, other in _near_neighbours(texts, sets):
        if is_query[one] != is_query[other]:
            match[min(one, other)] = max(one, other) - len(queries)
    left = np.flatnonzero(~is_query | (match < 0))
    keys = np.where(is_query, np.arange(len(texts)), len(queries))  # the corpus is one key

    def settled(number: int, others: Numbers) -> npt.NDArray[np.bool_]:
        if is_query[left[number]]:
            return (others < len(queries)) | bool(match[left[number]] >= 0)
        return (others >= len(queries)) | (match[others] >= 0)

    for number, near in near_sets([sets[place] for place in left], keys[left], settled):
        if is_query[left[number]]:
            match[left[number]] = left[near].min() - len(queries)
        else:
            match[left[near]] = left[number] - len(queries)
    return [int(found) if found >= 0 else None for found in match[: len(queries)]]


def _near_neighbours(texts: Sequence[str], sets: Sequence[GramSet]) -> Iterator[tuple[int, int]]:
    """Pairs of near texts that stand beside each other in alphabetical order.

    They are few of all near pairs, and cheap to find: where thousands of texts are all alike, most are known
    to be before the join begins.
    """
    order = sorted(range(len(texts)), key=texts.__getitem__)
    for one, other in pairwise(order):
        sizes = len(sets[one]) + len(sets[other])
        if is_near(len(np.intersect1d(sets[one], sets[other], assume_unique=True)), sizes):
            yield one, other


def _roots(parent: Numbers, numbers: Numbers) -> Numbers:
    """The first member of each number's cluster; the way there is made shorter for the next time."""
    roots = parent[numbers]
    while len(numbers) and not np.array_equal(higher := parent[roots], roots):
        roots = higher
    parent[numbers] = roots
    return roots
