"""Questions of a standard set that the run's model may have met in its training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from medadapt.core.records import Record

Nearness = Literal["exact", "near"]


def seen_in_training(records: Sequence[Record], seen: Sequence[Record]) -> dict[str, Nearness]:
    """Record id -> how its question also stands among the records trained on or chosen by.

    `exact`: the same input in normal form. `near`: a similarity of at least 0.8 (character 5-grams, Jaccard).
    """
    from medadapt.records.likeness.duplicates import input_text
    from medadapt.records.likeness.near_duplicates import near_matches

    seen_texts = [input_text(record) for record in seen]
    texts = [input_text(record) for record in records]
    known = set(seen_texts)
    matches = near_matches(texts, seen_texts) if seen_texts else [None] * len(texts)
    found: dict[str, Nearness] = {}
    for record, text, match in zip(records, texts, matches, strict=True):
        if text in known:
            found[record.id] = "exact"
        elif match is not None:
            found[record.id] = "near"
    return found


def leakage_values(flagged: dict[str, Nearness]) -> dict[str, Any]:
    """Counts as in metrics.json (`near` includes the exact ones), and which records are meant."""
    from medadapt.records.likeness.near_duplicates import THRESHOLD

    exact = sum(kind == "exact" for kind in flagged.values())
    return {"exact": exact, "near": len(flagged), "threshold": THRESHOLD, "flagged": dict(flagged)}
