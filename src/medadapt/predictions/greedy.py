"""Rows of tokens written on greedily, many at once, none longer than it has to be.

All prompts are read in one pass without a mask, what they share once. Then every step reads one token of each row and
asks for logits there alone. Rows that are done leave the batch as soon as it can shrink to the next of few sizes.

Shapes: B rows, T tokens, H hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from medadapt.models.continuing import continued_hidden
from medadapt.models.loading import LoadedBase
from medadapt.models.sizes import rounded_up
from medadapt.models.vocabulary import vocabulary_logits
from medadapt.predictions.batching import right_padded
from medadapt.predictions.growing_cache import GrowingLayer, growing
from medadapt.predictions.shared_prefix import SharedPrefix


def written_on(
    model: LoadedBase,
    prompts: Sequence[Sequence[int]],
    shared: SharedPrefix,
    *,
    max_new_tokens: int,
    closing_ids: Collection[int],
) -> list[list[int]]:
    """The most likely token after each prompt, again and again, up to the first closing token, which is left out."""
    answers: list[list[int]] = [[] for _ in prompts]
    lengths = [len(prompt) for prompt in prompts]
    hidden_BH, kept = _read(model, prompts, shared, max_new_tokens)
    rows = list(range(len(prompts)))
    done: set[int] = set()
    padding = [max(lengths) - length for length in lengths]
    for step in range(max_new_tokens):
        next_B = vocabulary_logits(model.model, hidden_BH).float().argmax(dim=-1)
        for row, token in zip(rows, next_B.tolist(), strict=True):
            if token in closing_ids:
                done.add(row)
            elif row not in done:
                answers[row].append(token)
        if len(done) == len(prompts) or step + 1 == max_new_tokens:
            break
        size = rounded_up(len(prompts) - len(done))
        if size < len(rows):
            order = closed_up(_staying([row in done for row in rows], size))
            rows = [rows[place] for place in order]
            dropped = min(padding[row] for row in rows)
            padding = [some - dropped for some in padding]
            moved = [(place, target) for target, place in enumerate(order) if place != target]
            for layer in kept.layers:
                assert isinstance(layer, GrowingLayer)
                layer.keep(len(rows), moved, dropped)
            next_B = next_B[torch.tensor(order, device=next_B.device)]
        mask = padding_mask([padding[row] for row in rows], kept.get_seq_length() + 1, model.device)
        positions_B1 = torch.tensor([[lengths[row] + step] for row in rows], device=model.device)
        hidden_B1H = continued_hidden(
            model.model, next_B[:, None], kept, positions_BT=positions_B1, mask=mask
        )
        hidden_BH = hidden_B1H[:, 0]
    return answers


def _read(
    model: LoadedBase, prompts: Sequence[Sequence[int]], shared: SharedPrefix, room: int
) -> tuple[Tensor, DynamicCache]:
    """The state (B, H) at the end of each prompt, and a cache of all that grows."""
    lengths = [len(prompt) for prompt in prompts]
    kept = shared.cache(prompts, most=min(lengths) - 1)
    read = kept.get_seq_length()
    tokens_BT = right_padded([prompt[read:] for prompt in prompts], model.device)
    hidden_BTH = continued_hidden(model.model, tokens_BT, kept)
    last_B = torch.tensor(lengths, device=model.device) - read - 1
    hidden_BH = hidden_BTH[torch.arange(len(prompts), device=model.device), last_B]
    return hidden_BH, growing(kept, lengths, room)


def _staying(done: Sequence[bool], size: int) -> list[int]:
    """Places of the rows that are not done, and of some that are, so that there are `size`."""
    last_to_go = sorted(range(len(done)), key=lambda place: done[place])
    return sorted(last_to_go[:size])


def closed_up(places: Sequence[int]) -> list[int]:
    """The places that stay, in an order that moves as few as can be: the last ones fill the gaps."""
    count = len(places)
    behind = [place for place in places if place >= count]
    staying = set(places)
    return [place if place in staying else behind.pop() for place in range(count)]


def padding_mask(padding: Sequence[int], width: int, device: torch.device) -> Tensor | None:
    """(B, T) with 0 for the padding on the left; None where there is none, which needs no mask at all."""
    if not any(padding):
        return None
    padding_B = torch.tensor(padding, device=device)
    return (torch.arange(width, device=device) >= padding_B[:, None]).long()
