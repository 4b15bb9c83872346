"""The preview shows every piece of an example's text once, in order, as read or as learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.masking import Example, mask
from medadapt.examples.previews import preview


def test_read_and_learned_pieces_stand_in_order(
    tokenizer: Any, encoder_for: Callable[..., Encoder], dialogue: Callable[..., Record]
):
    encoder = encoder_for(tokenizer, "dialogue")
    talk = dialogue("hi", "hello", "why?", "so.")
    prompt = encoder.prompt(talk)
    completion = encoder.completion(prompt, encoder.reference(talk), closed=True)
    tokens, labels, cut = mask(prompt.tokens, completion, 1000, prompt.answered)

    shown = preview(
        tokenizer,
        Example(id="d1", input_ids=tokens, labels=labels, prompt="", completion="", answer_cut=cut, prompt_cut=False),
    )  # fmt: skip

    end = tokenizer.eos_token
    assert [part["trained"] for part in shown["segments"]] == [False, True, False, True]
    assert shown["segments"][1]["text"].strip() == f"hello{end}"
    assert shown["trained"].strip() == shown["segments"][3]["text"].strip() == f"so.{end}"
    assert "".join(part["text"] for part in shown["segments"]) == tokenizer.decode(tokens)
    assert shown["prompt"] + shown["trained"] == tokenizer.decode(tokens)
    assert shown["id"] == "d1"
