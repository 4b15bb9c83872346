"""How a model is asked that brings no plan of its own: its chat template, or a plain question without one of use."""

from __future__ import annotations

from typing import Any

from medadapt.examples.chat import chat_closing, chat_join, has_usable_chat
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import Wording

MAX_LENGTH = 2048
"""Most tokens of question and answer; less where the base reads less."""


def general_plan(tokenizer: Any, context_length: int | None) -> EncodingPlan:
    """A plan for questions of any kind, with a quarter of the length kept for the answer."""
    chat = has_usable_chat(tokenizer)
    length = min(context_length or MAX_LENGTH, MAX_LENGTH)
    return EncodingPlan(
        wording=Wording(
            template="dialogue" if chat else "question", system=None, options=False, answer="text"
        ),
        chat=chat,
        max_length=length,
        prompt_limit=length - length // 4,
        closing=chat_closing(tokenizer) if chat else tokenizer.eos_token,
        labels=(),
        join=chat_join(tokenizer) if chat else "plain",
    )
