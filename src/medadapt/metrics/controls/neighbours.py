"""The most similar training record of each test record, by what their inputs have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

from medadapt.core.records import Record
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.duplicates import input_text
from medadapt.records.likeness.grams import gram_sets

CELLS = 8_000_000
"""Similarities held at a time: 64 MB."""

PieceSet = npt.NDArray[np.int32]
"""Distinct numbers of what a text consists of: its 5-grams, or the items it lists."""


def nearest_records(test: Sequence[Record], train: Sequence[Record]) -> list[int]:
    """For each test record the index of the training record with the most similar input.

    Similarity is the Jaccard index |common| / |either| of the symptoms where most training questions are lists
    of them, else of the character 5-grams by which near copies are found in the splits, too. Among equals the
    first by id wins.
    """
    by_id = sorted(range(len(train)), key=lambda index: train[index].id)
    records = [*(train[index] for index in by_id), *test]
    sets = _item_sets(records) if are_lists(train) else gram_sets([input_text(record) for record in records])
    return [by_id[place] for place in nearest(sets[len(train) :], sets[: len(train)])]


def nearest(queries: Sequence[PieceSet], candidates: Sequence[PieceSet]) -> list[int]:
    """For each query the index of the candidate with the largest Jaccard index, the first of equals."""
    width = 1 + max((int(pieces.max()) for pieces in [*queries, *candidates] if len(pieces)), default=0)
    query_QV, by_piece_VC = _incidence(queries, width), _incidence(candidates, width).T.tocsr()
    size_Q, size_C = (np.array([len(pieces) for pieces in sets]) for sets in (queries, candidates))
    found: list[int] = []
    step = max(1, CELLS // len(candidates))
    for start in range(0, len(queries), step):
        common_QC = (query_QV[start : start + step] @ by_piece_VC).toarray().astype(np.float64)
        either_QC = size_Q[start : start + step, None] + size_C[None, :] - common_QC
        found += np.argmax(common_QC / np.maximum(either_QC, 1), axis=1).tolist()
    return found


def jaccard(first: PieceSet, second: PieceSet) -> float:
    """Size of what two sets have in common, relative to what either has."""
    common = len(np.intersect1d(first, second, assume_unique=True))
    return common / max(1, len(first) + len(second) - common)


def are_lists(train: Sequence[Record]) -> bool:
    """Whether most training questions are lists of symptoms.

    Their reader says so. Semicolons do not: prose has them, too, and cut there no two questions have anything in
    common.
    """
    return sum(bool(record.meta.get("symptoms")) for record in train) * 2 > len(train)


def listed_items(record: Record) -> set[str]:
    """The distinct symptoms that a question lists, in normal form."""
    return {normal_form(item) for item in record.meta.get("symptoms") or ()} - {""}


def _item_sets(records: Sequence[Record]) -> list[PieceSet]:
    number: dict[str, int] = {}
    sets = []
    for record in records:
        numbers = [number.setdefault(item, len(number)) for item in listed_items(record)]
        sets.append(np.array(numbers, dtype=np.int32))
    return sets


def _incidence(sets: Sequence[PieceSet], width: int) -> sparse.csr_matrix:
    """A 0/1 matrix: which row has which piece."""
    starts = np.cumsum([0, *(len(pieces) for pieces in sets)])
    columns = np.concatenate(sets) if sets else np.empty(0, dtype=np.int32)
    return sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, starts), (len(sets), width))
