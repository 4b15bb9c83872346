"""BLEU and chrF of a whole set of answers, from counts that add up over records.

Both are defined on a corpus: the mean of sentence scores would be another figure. The counts of each record
are columns, so that the value, every resample and every swap of models come from the same functions.
Both equal sacrebleu's corpus scores at its default settings (Post, 2018), on its scale from 0 to 100; BLEU to
four decimals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from medadapt.metrics.marking.marks import FloatArray

CHARACTER_ORDERS = 6
BETA_SQUARED = 4.0
"""chrF weighs recall over precision with beta = 2."""
BLEU_DECIMALS = 4
"""Smoothing and the penalty for short answers leave values such as 1e-7, whose differences mean nothing."""


def bleu_counts(answers: Sequence[str], references: Sequence[str]) -> FloatArray:
    """Columns (n, 10): words written and wanted, then n-grams in common and n-grams written for n = 1 to 4."""
    # Only its counts are used; `effective_order` keeps it from warning that sentence scores are no corpus score.
    counter = BLEU(effective_order=True)
    rows = []
    for answer, reference in zip(answers, references, strict=True):
        found = counter.sentence_score(answer, [reference])
        rows.append([found.sys_len, found.ref_len, *found.counts, *found.totals])
    return np.array(rows, dtype=np.float64)


def bleu(counts: FloatArray) -> FloatArray:
    """BLEU (Papineni et al., 2002) of summed counts (..., 10), with sacrebleu's exponential smoothing, rounded."""
    written, wanted = counts[..., 0], counts[..., 1]
    common, total = np.split(counts[..., 2:], 2, axis=-1)
    # The k-th order without a match counts as 1 / 2^k of an n-gram.
    smoothed = np.where(common > 0, common, 0.5 ** np.cumsum(common == 0, axis=-1))
    some = (common > 0).any(axis=-1) & (total > 0).all(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):  # only where it is 0 anyway
        precision = np.exp(np.log(smoothed / total).mean(axis=-1))
        brevity = np.exp(np.minimum(0.0, 1 - wanted / written))
        score = np.where(some, 100 * brevity * precision, 0.0)
    return np.asarray(score.round(BLEU_DECIMALS), dtype=np.float64)


def chrf_counts(answers: Sequence[str], references: Sequence[str]) -> FloatArray:
    """Columns (n, 18): character n-grams written, wanted and in common, each for n = 1 to 6.

    White space is left out. Where a reference is too short for an order, what was written of it is not counted.
    """
    rows = []
    for answer, reference in zip(answers, references, strict=True):
        grams = list(zip(_grams(answer), _grams(reference), strict=True))
        written = [first.total() if second else 0 for first, second in grams]
        wanted = [second.total() for _, second in grams]
        common = [(first & second).total() for first, second in grams]
        rows.append([*written, *wanted, *common])
    return np.array(rows, dtype=np.float64)


def chrf(counts: FloatArray) -> FloatArray:
    """The chrF (Popović, 2015) of summed counts (..., 18): F-score of the mean precision and recall."""
    written, wanted, common = np.split(counts, 3, axis=-1)
    counted = (written > 0) & (wanted > 0)
    orders = np.maximum(counted.sum(axis=-1), 1)
    precision = np.where(counted, common / np.maximum(written, 1), 0.0).sum(axis=-1) / orders
    recall = np.where(counted, common / np.maximum(wanted, 1), 0.0).sum(axis=-1) / orders
    weighted = BETA_SQUARED * precision + recall
    score = 100 * (1 + BETA_SQUARED) * precision * recall / np.where(weighted > 0, weighted, 1.0)
    return np.asarray(score)


def signatures() -> dict[str, str]:
    """How sacrebleu itself describes both settings, its version included."""
    found = {}
    for name, metric in (("bleu", BLEU()), ("chrf", CHRF())):
        metric.corpus_score(["a"], [["a"]])  # it learns the number of references from a first score
        found[name] = str(metric.get_signature())
    return found


def _grams(text: str) -> list[Counter[str]]:
    """The character n-grams of a text, order by order."""
    text = "".join(text.split())
    return [
        Counter([text[start : start + order] for start in range(len(text) - order + 1)])
        for order in range(1, CHARACTER_ORDERS + 1)
    ]
