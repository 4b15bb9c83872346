"""How alike a written answer and its reference are, from 0 (nothing in common) to 1.

They compare words and letters, not meaning: `500 mg` and `5000 mg` are nearly the same to all of them, and
an answer that says `not` where the reference does not loses little. An empty answer is 0 everywhere.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import pairwise

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq
from rouge_score.tokenize import tokenize  # type: ignore[import-untyped]

ARTICLES = re.compile(r"\b(a|an|the)\b")
NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def rouge1(answer: str, reference: str) -> float:
    """F1 of the words in common (ROUGE-1: Lin, 2004), as rouge-score gives it without a stemmer.

    Its words are runs of the letters a to z and of digits, so a text in another script has none and gets 0.
    """
    return _shared_f1(_rouge_words(answer), _rouge_words(reference))


def rouge2(answer: str, reference: str) -> float:
    """F1 of the pairs of neighbouring words in common (ROUGE-2); words as in `rouge1`."""
    written, wanted = (list(pairwise(_rouge_words(text))) for text in (answer, reference))
    return _shared_f1(written, wanted)


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (ROUGE-L); words as in `rouge1`."""
    written, wanted = _rouge_words(answer), _rouge_words(reference)
    number = {word: place for place, word in enumerate({*written, *wanted})}
    common = LCSseq.similarity([number[word] for word in written], [number[word] for word in wanted])
    return _f1(common, len(written), len(wanted))


def token_f1(answer: str, reference: str) -> float:
    """F1 of the words in common, without case, punctuation and articles (SQuAD: Rajpurkar et al., 2016)."""
    return _shared_f1(_squad_words(answer), _squad_words(reference))


def fuzzy(answer: str, reference: str) -> float:
    """Share of the letters of both texts that can stay when one is edited into the other.

    1 - (insertions + deletions) / (length of both), RapidFuzz's `ratio`. Case and runs of spaces do not
    matter.
    """
    written, wanted = (" ".join(text.casefold().split()) for text in (answer, reference))
    return fuzz.ratio(written, wanted) / 100 if written else 0.0


LIKENESS: Mapping[str, Callable[[str, str], float]] = {
    "rouge1": rouge1,
    "rouge2": rouge2,
    "rougeL": rouge_l,
    "token_f1": token_f1,
    "fuzzy": fuzzy,
}
"""Metric -> likeness of one answer; the metric is its mean over the records."""


def _rouge_words(text: str) -> list[str]:
    words: list[str] = tokenize(text, None)
    return words


def _squad_words(text: str) -> list[str]:
    return ARTICLES.sub(" ", text.lower().translate(NO_PUNCTUATION)).split()


def _shared_f1(written: Sequence[Hashable], wanted: Sequence[Hashable]) -> float:
    return _f1((Counter(written) & Counter(wanted)).total(), len(written), len(wanted))


def _f1(common: int, num_written: int, num_wanted: int) -> float:
    if common == 0:
        return 0.0
    precision, recall = common / num_written, common / num_wanted
    return 2 * precision * recall / (precision + recall)
