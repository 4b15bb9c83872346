"""What the console says after encoding: what was cut, and what a tokenizer cannot tell apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

CUTS = {"prompts_cut": "prompts lost text from their middle", "answers_cut": "answers lost their end"}


def encoding_notes(summary: Mapping[str, Any], *, max_length: int) -> Iterator[str]:
    """Lines about the content of examples.json; none where all is as it should be."""
    for name, split in summary["splits"].items():
        if cut := [f"{split[key]} {words}" for key, words in CUTS.items() if split[key]]:
            yield (
                f"{name}: of {split['examples']} examples {' and '.join(cut)}, because examples.max_length is "
                f"{max_length} tokens"
            )
    yield from same_token_notes(summary)


def same_token_notes(summary: Mapping[str, Any]) -> Iterator[str]:
    """Those of them about labels or options that no model of this base tells apart; none of earlier versions' files."""
    alike = summary.get("same_tokens") or {"labels": [], "records": 0}
    for labels in alike["labels"]:
        yield (
            f"labels: {', '.join(map(repr, labels))} are the same tokens to this base, which cannot tell them apart: "
            "only the first of them will ever be chosen. data.aliases can make them one label"
        )
    if alike["records"]:
        first = alike["examples"][0]
        yield (
            f"options: {alike['records']} records have options that are the same tokens to this base, which cannot "
            f"tell them apart (the first is {first['id']}: {', '.join(map(repr, first['options']))})"
        )
