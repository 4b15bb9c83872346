"""How well passages are found: recall at k and mean reciprocal rank (Voorhees 1999), on records with known answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bm25s.stopwords import STOPWORDS_EN

from medadapt.core.records import Record
from medadapt.retrieval.index import Found

COMMON = frozenset(STOPWORDS_EN)
COVERED = 0.5
"""Share of a reference answer's words that a passage must have to help with an open question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuality:
    """Figures over some records."""

    n: int
    recall: dict[int, float]
    """k -> share of records of which one of the best k passages helps."""
    mean_reciprocal_rank: float
    """1 / rank of the first passage that helps, 0 where none does."""


def search_quality(ranks: Sequence[int | None], ks: Sequence[int]) -> SearchQuality:
    """From the rank, from 1, of the first passage that helps each record; None where none of those found does.

    >>> search_quality([1, None, 4], [1, 5])
    SearchQuality(n=3, recall={1: 0.3333333333333333, 5: 0.6666666666666666}, mean_reciprocal_rank=0.4166666666666667)
    """
    n = len(ranks)
    return SearchQuality(
        n=n,
        recall={k: sum(rank is not None and rank <= k for rank in ranks) / n for k in ks},
        mean_reciprocal_rank=sum(0 if rank is None else 1 / rank for rank in ranks) / n,
    )


def first_helpful(record: Record, found: Sequence[Found]) -> int | None:
    """The rank, from 1, of the first passage that helps with a record; None where none does.

    A passage helps with a closed question when it says the reference answer, all of its words in their order, without
    regard to case and marks. It helps with an open one when it has at least half of the words of the reference
    answer, common words aside. Both are rules of thumb: nobody has judged the passages.
    """
    helps = _says if record.label is not None or record.options is not None else _covers
    return next((rank for rank, one in enumerate(found, start=1) if helps(one.passage.text, record)), None)


def _says(text: str, record: Record) -> bool:
    wanted = record.label if record.label is not None else record.answer
    return f" {' '.join(_words(wanted))} " in f" {' '.join(_words(text))} "


def _covers(text: str, record: Record) -> bool:
    wanted = set(_words(record.answer)) - COMMON
    return bool(wanted) and len(wanted & set(_words(text))) >= COVERED * len(wanted)


def _words(text: str) -> list[str]:
    return "".join(sign if sign.isalnum() else " " for sign in text.casefold()).split()
