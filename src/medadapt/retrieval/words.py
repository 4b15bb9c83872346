"""Search by words: BM25 (Robertson and Zaragoza 2009, in Lucene's form) through the library bm25s."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bm25s

NOTHING_FOUND = 0.0
"""The score of a passage that shares no word with the question."""


def build_words(texts: Sequence[str], folder: Path) -> None:
    """Write the index of some texts into a folder, as NumPy arrays and JSON."""
    index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    index.index(_tokens(texts), show_progress=False)
    index.save(folder, show_progress=False)


class WordSearch:
    """An index that `build_words` wrote. Nothing in it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self._index = bm25s.BM25.load(folder, allow_pickle=False, show_progress=False)

    def best(self, question: str, count: int) -> list[tuple[int, float]]:
        """(number of a text, score), the best first; texts that share no word with the question are left out."""
        tokens = bm25s.tokenize(question, return_ids=False, show_progress=False)
        known = [[token for token in tokens[0] if token in self._index.vocab_dict]]
        if not known[0]:
            return []
        numbers, scores = self._index.retrieve(
            known, k=min(count, self._index.scores["num_docs"]), show_progress=False
        )
        pairs = zip(numbers[0].tolist(), scores[0].tolist(), strict=True)
        return [(int(number), float(score)) for number, score in pairs if score > NOTHING_FOUND]


def _tokens(texts: Sequence[str]) -> bm25s.tokenization.Tokenized:
    return bm25s.tokenize(list(texts), show_progress=False)
