"""Python that asks a model by the prompt it was trained with, with transformers alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def asking_code(shown: Mapping[str, Any], *, chat: bool) -> list[str]:
    """Lines that need `model` and `tokenizer`.

    `shown` is what `examples.shown_prompt` gives; `chat`: the prompt holds a chat template, which writes
    the start token itself.
    """
    special = ", add_special_tokens=False" if chat else ""
    stops = ", ".join(map(quoted, shown["stops"]))
    return [
        f"prompt = {quoted(shown['prompt'])}  # your text in place of each word in braces",
        f'tokens = tokenizer(prompt, return_tensors="pt"{special}).to(model.device)',
        f"stops = tokenizer.convert_tokens_to_ids([{stops}])",
        "written = model.generate(**tokens, max_new_tokens=128, do_sample=False, eos_token_id=stops)",
        'answer = written[0, tokens["input_ids"].shape[1] :]',
        "print(tokenizer.decode(answer, skip_special_tokens=True).strip())",
    ]


def quoted(text: str) -> str:
    """A string of Python in one line."""
    return json.dumps(text, ensure_ascii=False)
