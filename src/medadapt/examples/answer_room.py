"""How much of the context a prompt leaves to its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.tokenising import encoded


def with_answer_room(encoder: Encoder, records: Sequence[Record]) -> EncodingPlan:
    """The encoder's plan with the prompt limit that these records need.

    An open answer gets at least a quarter of the room, a closed one all it can need.
    """
    most = encoder.max_length
    longest = _longest_choice(encoder, records)
    reserve = most // 4 if longest is None else min(longest, most // 2)
    return replace(encoder.plan, prompt_limit=most - reserve)


def _longest_choice(encoder: Encoder, records: Sequence[Record]) -> int | None:
    """Tokens of the longest closed answer, its closing token included; None for open answers."""
    if encoder.plan.wording.answer == "text_and_explanation":
        return None
    texts: set[str] = set()
    for record in records[:1] if encoder.labels else records:
        choices = encoder.choices(record)
        if choices is None:
            return None
        texts.update(choices.values())
    ids = encoded(encoder.tokenizer, sorted(texts), special=False, obeyed=True) if texts else [[]]
    return max(len(tokens) for tokens in ids) + 2
