"""Whether long questions are answered worse: test records and errors by length of the question."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medadapt.core.records import Record
from medadapt.metrics.marking.marks import FloatArray

MOST_BINS = 20


def error_length(test: Sequence[Record], right: Mapping[str, FloatArray]) -> dict[str, Any]:
    """Counts by length of the question in characters: all records, and those that each model has wrong.

    `right` maps a model to its marks (n,), 1 for right. All models share the bins, which are equally wide, end at
    whole numbers and are as many as Sturges' rule gives (1 + log2 n, at most 20).
    """
    lengths = [len(record.question) for record in test]
    edges = _edges(lengths)
    wrong = {
        name: [k for k, mark in zip(lengths, marks, strict=True) if not mark] for name, marks in right.items()
    }
    counts = {
        name: np.histogram(some, bins=edges)[0].tolist() for name, some in {"all": lengths, **wrong}.items()
    }
    return {"unit": "characters of the question", "edges": edges, **counts}


def _edges(lengths: Sequence[int]) -> list[int]:
    bins = min(MOST_BINS, 1 + math.ceil(math.log2(len(lengths))))
    low, high = min(lengths), max(lengths)
    width = max(1, math.ceil((high - low) / bins))
    num_bins = max(1, math.ceil((high - low) / width))
    return [low + width * place for place in range(num_bins + 1)]
