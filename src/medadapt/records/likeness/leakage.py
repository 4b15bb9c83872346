"""How many test questions the model may have met in training, and how many validation questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medadapt.core.records import Record, SplitName
from medadapt.records.likeness.duplicates import input_text
from medadapt.records.likeness.groups import GroupRule
from medadapt.records.likeness.near_duplicates import THRESHOLD, near_matches

MOST_EXAMPLES = 10


def measure_leakage(
    parts: Mapping[SplitName, Sequence[Record]], rule: GroupRule, *, grouped_splits: bool = True
) -> dict[str, Any]:
    """Test records whose input is also in train or validation, measured on the finished splits.

    `exact` counts equal inputs in normal form, `near` those with a similarity of at least 0.8 (character
    5-grams, Jaccard), the exact ones included. `gated` names what stops a run; near copies do only where the
    split kept them together, which ready-made splits (`grouped_splits=False`) were not made to do.
    `validation` counts the validation records whose input is also in train: a validation loss measured on
    them flatters. They stop nothing, because no verdict rests on them.
    """
    seen = [*parts["train"], *parts["validation"]]
    seen_texts = [input_text(record) for record in seen]
    texts = [input_text(record) for record in parts["test"]]
    first_seen = {text: number for number, text in reversed(list(enumerate(seen_texts)))}
    near = near_matches(texts, seen_texts)
    examples = [
        {"test": record.id, "seen": seen[first_seen.get(text, number)].id, "exact": text in first_seen}
        for record, text, number in zip(parts["test"], texts, near, strict=True)
        if number is not None
    ]
    examples.sort(key=lambda pair: not pair["exact"])
    return {
        "exact": sum(text in first_seen for text in texts),
        "near": sum(number is not None for number in near),
        "threshold": THRESHOLD,
        "gated": ["exact", "near"] if rule == "near" and grouped_splits else ["exact"],
        "validation": _counts(parts["validation"], parts["train"]),
        "examples": examples[:MOST_EXAMPLES],
    }


def _counts(records: Sequence[Record], seen: Sequence[Record]) -> dict[str, int]:
    """How many of the records have an equal input, and how many at least a similar one, among those seen."""
    texts, seen_texts = ([input_text(record) for record in each] for each in (records, seen))
    known = set(seen_texts)
    return {
        "exact": sum(text in known for text in texts),
        "near": sum(number is not None for number in near_matches(texts, seen_texts)),
    }
