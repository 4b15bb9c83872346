"""Labels or options that are the same to a tokenizer: no model can tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.tokenising import encoded

NAMED = 5
AT_ONCE = 256


def same_tokens(encoder: Encoder, records: Sequence[Record]) -> dict[str, Any]:
    """Groups of labels with equal tokens, or the records that have such options, as plain data.

    `labels` are lists of labels that are one to the tokenizer; `records` counts the records with options that are, and
    `examples` holds some of their ids with such options. Tokenizers that fold case, accents or signs make them.
    """
    if encoder.labels:
        (groups,) = _alike(encoder, [encoder.labels])
        return {"labels": groups, "records": 0, "examples": []}
    posed = [record for record in records if record.options]
    found: list[dict[str, Any]] = []
    for start in range(0, len(posed), AT_ONCE):
        some = posed[start : start + AT_ONCE]
        alike = _alike(encoder, [record.options or () for record in some])
        found += [
            {"id": record.id, "options": groups[0]}
            for record, groups in zip(some, alike, strict=True)
            if groups
        ]
    return {"labels": [], "records": len(found), "examples": found[:NAMED]}


def _alike(encoder: Encoder, sets: Sequence[Sequence[str]]) -> list[list[list[str]]]:
    """Of each set of texts the groups that have equal tokens, as they would stand after a space."""
    flat = [f" {text}" for texts in sets for text in texts]
    tokens = iter(encoded(encoder.tokenizer, flat, special=False, obeyed=False) if flat else [])
    found = []
    for texts in sets:
        groups: dict[tuple[int, ...], list[str]] = {}
        for text in texts:
            groups.setdefault(tuple(next(tokens)), []).append(text)
        found.append([group for group in groups.values() if len(group) > 1])
    return found
