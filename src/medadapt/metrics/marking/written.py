"""What each written answer to an open question earned, as columns that add up over records."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np

from medadapt.core.recipe import SoftMatchSection
from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.metrics.marking.corpus_overlap import bleu_counts, chrf_counts, signatures
from medadapt.metrics.marking.likeness import LIKENESS
from medadapt.metrics.marking.marks import FloatArray, Tallies, on_grid

ROUNDING = 1e-9
"""A likeness that equals the threshold but for its last bits reaches it."""


def mark_answers(
    test: Sequence[Record], predictions: Sequence[Prediction], soft_match: SoftMatchSection
) -> Tallies:
    """Columns of a model's written answers: those of `mark_likeness`, and `similarity` (n,) where there is one.

    Empty where no answer was written; among others, an answer that is missing counts as an empty one.
    """
    if all(prediction.text is None for prediction in predictions):
        return {}
    found = mark_likeness(test, [prediction.text or "" for prediction in predictions], soft_match)
    if has_similarity(predictions):
        found["similarity"] = on_grid([prediction.similarity for prediction in predictions])
    return found


def mark_likeness(test: Sequence[Record], answers: Sequence[str], soft_match: SoftMatchSection) -> Tallies:
    """Columns of answers against the reference of the same record; an empty answer earns 0.

    Returns `rouge1`, `rouge2`, `rougeL`, `token_f1`, `fuzzy` (n,), `bleu_counts` (n, 10), `chrf_counts`
    (n, 18) and `right_soft` (n,): 1 where the likeness of `soft_match` reaches its threshold. A question that
    occurs with several answers is several records, each marked against its own.
    """
    written = [answer.strip() for answer in answers]
    references = [record.answer for record in test]
    found: Tallies = {name: on_grid(_likeness(name, written, references)) for name in LIKENESS}
    found["right_soft"] = _reached(found[soft_match.metric], soft_match.threshold)
    found["bleu_counts"] = bleu_counts(written, references)
    found["chrf_counts"] = chrf_counts(written, references)
    return found


def has_similarity(predictions: Sequence[Prediction]) -> bool:
    """Whether an embedding model compared every written answer: a mean over some would hide the others."""
    return all(prediction.similarity is not None for prediction in predictions)


def answer_signatures(embedding: str | None) -> dict[str, str]:
    """How the text metrics were computed, in a form that another report can be held against."""
    found = {
        **signatures(),
        "rouge": f"rouge-score {version('rouge-score')}, F1, no stemmer",
        "token_f1": "SQuAD normalisation, F1",
        "fuzzy": f"RapidFuzz {version('rapidfuzz')}, ratio, case and white space folded",
    }
    return found if embedding is None else {**found, "similarity": embedding}


def _likeness(name: str, answers: Sequence[str], references: Sequence[str]) -> list[float]:
    return [LIKENESS[name](answer, wanted) for answer, wanted in zip(answers, references, strict=True)]


def _reached(likeness: FloatArray, threshold: float) -> FloatArray:
    return np.where(likeness >= threshold - ROUNDING, 1.0, 0.0)
