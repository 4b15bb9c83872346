"""What of an example is read and what is learned, decoded from its tokens for people."""

from __future__ import annotations

from typing import Any

from medadapt.examples.masking import Example, segments


def preview(tokenizer: Any, example: Example) -> dict[str, Any]:
    """`prompt` and `trained`, the last answer; and `segments`, all of the text in order as {text, trained}."""
    start = len(example.input_ids) - example.num_answer
    return {
        "id": example.id,
        "prompt": tokenizer.decode(example.input_ids[:start]),
        "trained": _spelled(tokenizer, example.input_ids, start, len(example.input_ids)),
        "segments": [
            {"text": _spelled(tokenizer, example.input_ids, start, end), "trained": trained}
            for start, end, trained in segments(example.labels)
        ],
    }


def _spelled(tokenizer: Any, tokens: list[int], start: int, end: int) -> str:
    """The text that these tokens add to those before them: some tokenizers lose the space of a first word."""
    before, whole = tokenizer.decode(tokens[:start]), tokenizer.decode(tokens[:end])
    return str(
        whole.removeprefix(before) if whole.startswith(before) else tokenizer.decode(tokens[start:end])
    )
