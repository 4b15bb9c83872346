"""Greedy answers in batches: the same for every batch size in fp32, and whatever the model's sampling defaults.

They are written by a loop of our own (`greedy.py`); by transformers' for an architecture that keeps no keys and values,
or works out its positions itself. Where that loop takes padding for text, each answer is written alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import GenerationConfig

from medadapt.models.agreement import same_states
from medadapt.models.continuing import can_continue, takes_positions
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import TokenBudget, answering, in_batches, right_padded
from medadapt.predictions.greedy import written_on
from medadapt.predictions.shared_prefix import SharedPrefix

PROBE = [[1, 2, 3, 1, 3, 2, 2, 1], [3, 1, 2]]

_found: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def generate(
    model: LoadedBase,
    prompts: Sequence[list[int]],
    *,
    max_new_tokens: int,
    closing_ids: Collection[int],
    batch_tokens: int | TokenBudget,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[int]]:
    """Greedy continuation of each prompt in tokens, without the closing token, in the order given.

    A row stops at the first of `closing_ids` or after `max_new_tokens`. The model may be in training: its
    mode is restored.
    """
    budget = batch_tokens if isinstance(batch_tokens, TokenBudget) else TokenBudget(batch_tokens)
    answers: list[list[int]] = [[] for _ in prompts]
    settings = _greedy(max_new_tokens, closing_ids)
    shared = SharedPrefix(model)

    def work(batch: list[int]) -> None:
        some = [prompts[index] for index in batch]
        if can_continue(model.model) and takes_positions(model.model):
            written = written_on(model, some, shared, max_new_tokens=max_new_tokens, closing_ids=closing_ids)
        else:
            written = [_until_closed(answer, closing_ids) for answer in _continue(model, some, settings)]
        for index, answer in zip(batch, written, strict=True):
            answers[index] = answer

    with answering(model.model):
        in_batches([len(prompt) + max_new_tokens for prompt in prompts], budget, work, advance)
    return answers


def _greedy(
    max_new_tokens: int, closing_ids: Collection[int], *, with_logits: bool = False
) -> GenerationConfig:
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_new_tokens,
        eos_token_id=sorted(closing_ids) or None,
        # Padding is masked, so any token will do; some tokenizers have none of their own.
        pad_token_id=min(closing_ids, default=0),
        use_cache=True,
        return_dict_in_generate=True,
        output_logits=with_logits,
    )


def _continue(model: LoadedBase, prompts: list[list[int]], settings: GenerationConfig) -> list[list[int]]:
    """New tokens after each prompt; rows that end early are filled up with the pad token."""
    at_once = [prompts] if _tells_rows_apart(model) else [[prompt] for prompt in prompts]
    written = [_written(model, some, settings).sequences[:, max(map(len, some)) :] for some in at_once]
    return [row for rows_BT in written for row in rows_BT.tolist()]


def _tells_rows_apart(model: LoadedBase) -> bool:
    """Whether transformers' loop gives rows of unequal length their own numbers; tried once for a loaded model.

    Some memories take the padding before a prompt for text, whatever the mask says (RecurrentGemma), and that of RWKV
    even mixes up rows of one length.
    """
    if model.model not in _found:
        together = _first_logits(model, PROBE)
        alone = torch.cat([_first_logits(model, [prompt]) for prompt in PROBE])
        tokens_BT = right_padded(PROBE, model.device)
        _found[model.model] = same_states(together, alone, model.model, tokens_BT)
    return _found[model.model]


def _first_logits(model: LoadedBase, prompts: list[list[int]]) -> Tensor:
    """Logits (B, 2, V) of the first token after each prompt and, from what was kept of it, of the second."""
    return torch.stack(_written(model, prompts, _greedy(2, (), with_logits=True)).logits, dim=1)


def _written(model: LoadedBase, prompts: list[list[int]], settings: GenerationConfig) -> Any:
    """What transformers' loop writes after prompts that are padded on the left."""
    width = max(len(prompt) for prompt in prompts)
    pad = settings.pad_token_id
    tokens_BT = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=model.device)
    mask_BT = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=model.device)
    causal: Any = model.model
    with _without_defaults(causal):
        return causal.generate(input_ids=tokens_BT, attention_mask=mask_BT, generation_config=settings)


@contextmanager
def _without_defaults(causal: Any) -> Iterator[None]:
    """Set the model's own defaults aside: transformers would fill unset values (penalties, ...) from them."""
    kept = causal.generation_config
    causal.generation_config = GenerationConfig()
    try:
        yield
    finally:
        causal.generation_config = kept


def _until_closed(tokens: list[int], closing_ids: Collection[int]) -> list[int]:
    end = next((place for place, token in enumerate(tokens) if token in closing_ids), len(tokens))
    return tokens[:end]
