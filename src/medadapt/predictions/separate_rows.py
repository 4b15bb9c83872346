"""Completions scored in a row each, after copies of one prompt's keys and values where the model keeps such.

For architectures whose attention cannot read a tree, or looks back through a window shorter than one, and for those
with a memory of another kind, such as state spaces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from medadapt.models.continuing import can_continue, continued_hidden
from medadapt.models.forward import final_hidden
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import right_padded
from medadapt.predictions.likelihood import token_logprobs


def row_scores(
    model: LoadedBase, prompt: Sequence[int], completions: Sequence[Sequence[int]], batch_tokens: int
) -> list[float]:
    """Log-likelihood in nats of each completion after one prompt, at most `batch_tokens` tokens at a time."""
    width = len(prompt) + max(map(len, completions))
    scores: list[float] = []
    for start in range(0, len(completions), step := max(1, batch_tokens // width)):
        scores += _together(model, prompt, completions[start : start + step])
    return scores


def _together(model: LoadedBase, prompt: Sequence[int], completions: Sequence[Sequence[int]]) -> list[float]:
    # The prompt's last token opens every row, because its output predicts the first completion token.
    read = len(prompt) - 1 if can_continue(model.model) else 0
    rows = [[*prompt[read:], *completion[:-1]] for completion in completions]
    tokens_BT = right_padded(rows, model.device)
    if read:
        hidden_BTH = continued_hidden(model.model, tokens_BT, _prompt_states(model, prompt[:read], len(rows)))
    else:
        hidden_BTH = final_hidden(model.model, tokens_BT)
    start = len(prompt) - read - 1
    pairs = [
        (row, start + place) for row, completion in enumerate(completions) for place in range(len(completion))
    ]
    row_N, place_N = torch.tensor(pairs, device=hidden_BTH.device).unbind(1)
    targets_N = torch.tensor([token for some in completions for token in some], device=hidden_BTH.device)
    logprobs = iter(token_logprobs(model.model, hidden_BTH[row_N, place_N], targets_N).tolist())
    return [math.fsum(next(logprobs) for _ in completion) for completion in completions]


def _prompt_states(model: LoadedBase, tokens: Sequence[int], copies: int) -> Any:
    """The model's own cache of the prompt, once for each row that goes on from it."""
    decoder: Any = model.model.base_model
    tokens_1T = torch.tensor([list(tokens)], dtype=torch.long, device=model.device)
    kept = decoder(input_ids=tokens_1T, use_cache=True, return_dict=True).past_key_values
    kept.batch_repeat_interleave(copies)
    return kept
