"""How lm-evaluation-harness asks a question with options, as an encoding plan.

No chat template, no instruction, no examples: the prompt ends in `Answer:`, and the choices are the letters, or yes,
no and maybe, each after one space. What a run was trained with does not matter here.
"""

from __future__ import annotations

from typing import Any

from medadapt.core.records import LETTERS
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import VERDICT_OPTIONS, Wording
from medadapt.examples.tokenising import Tokeniser

USUAL_CONTEXT = 2048
"""Most tokens of a base that does not say how many it reads; lm-evaluation-harness takes the same."""


def harness_plan(tokenizer: Any, *, template: str, context_length: int | None) -> EncodingPlan:
    """The plan for a base with this tokenizer. Prompts keep room for the longest choice."""
    length = context_length or USUAL_CONTEXT
    closing = str(tokenizer.eos_token)
    texts = [f" {choice}" for choice in (*LETTERS, *VERDICT_OPTIONS)]
    tokeniser = Tokeniser(tokenizer, chat=False, closing_id=int(tokenizer.eos_token_id))
    longest = max(len(tokens) for tokens in tokeniser.answers(["Answer:"] * len(texts), texts))
    return EncodingPlan(
        wording=Wording(template=template, system=None, options=True, answer="letter"),
        chat=False,
        max_length=length,
        prompt_limit=length - longest,
        closing=closing,
        labels=(),
    )
