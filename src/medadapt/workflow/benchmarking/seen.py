"""Questions of a standard set that the run's model may have met in its training data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from medadapt.core.records import Record

Nearness = Literal["exact", "near", "contained"]


def seen_in_training(records: Sequence[Record], seen: Sequence[Record]) -> dict[str, Nearness]:
    """Record id -> how its question also stands among the records trained on or chosen by.

    `exact`: the same input in normal form. `near`: a similarity of at least 0.8 (character 5-grams, Jaccard).
    `contained`: neither, but at least half of its runs of eight words stand there.
    """
    from medadapt.records.likeness.containment import CONTAINED, contained_shares, split_texts
    from medadapt.records.likeness.duplicates import input_text
    from medadapt.records.likeness.near_duplicates import near_matches
    from medadapt.records.likeness.windows import distinct

    seen_texts = [input_text(record) for record in seen]
    texts = [input_text(record) for record in records]
    known = set(seen_texts)
    matches = near_matches(texts, seen_texts) if seen_texts else [None] * len(texts)
    windows = split_texts(texts, seen_texts, [])
    shares = contained_shares(windows.test, distinct(windows.seen))
    found: dict[str, Nearness] = {}
    for record, text, match, share in zip(records, texts, matches, shares, strict=True):
        if text in known:
            found[record.id] = "exact"
        elif match is not None:
            found[record.id] = "near"
        elif share >= CONTAINED:
            found[record.id] = "contained"
    return found


def leakage_values(flagged: dict[str, Nearness]) -> dict[str, Any]:
    """Counts (`near` includes the exact ones, `contained` is found in no other way), and which records are meant."""
    from medadapt.records.likeness.near_duplicates import THRESHOLD

    kinds = list(flagged.values())
    exact, near, contained = (kinds.count(kind) for kind in get_args(Nearness))
    counts = {"exact": exact, "near": exact + near, "contained": contained}
    return {**counts, "threshold": THRESHOLD, "flagged": dict(flagged)}
