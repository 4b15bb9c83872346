"""Search by words: BM25 (Robertson and Zaragoza 2009, in Lucene's form) through the library bm25s.

The library is imported where it is used: the page and the server know of passages, and need neither it nor the
seconds that it takes to come, where there is no index.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError


class WordSearch:
    """An index of the words of some texts."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def of(cls, texts: Sequence[str]) -> WordSearch:
        """An index of texts, which are numbered from 0. Raises DataError where they have no word but common ones."""
        import bm25s

        tokens = bm25s.tokenize(list(texts), show_progress=False)
        if not any(tokens.ids):
            raise DataError(
                "No word can be searched for: the texts have none, or only such as `the` and `of`.",
                "texts with words of two letters or more",
                "Name files that hold such texts.",
            )
        index = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        index.index(tokens, show_progress=False)
        return cls(index)

    @classmethod
    def load(cls, folder: Path) -> WordSearch:
        """One that `save` wrote. Nothing in it is unpickled."""
        import bm25s

        return cls(bm25s.BM25.load(folder, allow_pickle=False, show_progress=False))

    def save(self, folder: Path) -> None:
        """Write it into a folder, as NumPy arrays and JSON."""
        self._index.save(folder, show_progress=False)

    def best(self, question: str, count: int) -> list[tuple[int, float]]:
        """(number of a text, score), the best first; texts that share no word with the question are left out."""
        import bm25s

        tokens = bm25s.tokenize(question, return_ids=False, show_progress=False)
        known = [[token for token in tokens[0] if token in self._index.vocab_dict]]
        if not known[0]:
            return []
        numbers, scores = self._index.retrieve(
            known, k=min(count, self._index.scores["num_docs"]), show_progress=False
        )
        pairs = zip(numbers[0].tolist(), scores[0].tolist(), strict=True)
        return [(int(number), float(score)) for number, score in pairs if score > 0]
