"""Attention of short rows as plain matrix products, in transformers' own modules.

On a CPU the backward pass of the fused kernel takes several times as long as plain products where rows are short
(benchmarks/roof.py measures both). The packed decoder has its own attention; this is for every other architecture.

B rows of T tokens, A query heads, K key heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from medadapt.models.attention_in_place import attention_in_place
from medadapt.models.packed.attention import causal_mask

NAME = "plain_for_short_rows"
LONGEST = 256
"""Tokens. The attention weights of a row are kept for the backward pass, (A, T, T) numbers."""


@contextmanager
def plain_for_short_rows(model: nn.Module) -> Iterator[None]:
    """Within it, rows of up to `LONGEST` tokens that carry no mask are attended to in plain products.

    It changes models on a CPU whose attention is torch's fused kernel, and no others. Whether a call is computed in
    plain products depends on its shape alone, so what is computed again in a backward pass is the same.
    """
    if any(weight.device.type != "cpu" for weight in model.parameters()):
        yield
        return
    with attention_in_place(model, NAME, _attention):
        yield


def _attention(
    module: nn.Module,
    query_BATD: Tensor,
    key_BKTD: Tensor,
    value_BKTD: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """An attention function as transformers calls it; the outputs are (B, T, A, D)."""
    length = query_BATD.shape[2]
    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    told = any(
        value is not None for value in (more.get("softcap"), more.get("position_bias"), more.get("cache"))
    )
    if (
        attention_mask is not None
        or dropout
        or told
        or not causal
        or not length == key_BKTD.shape[2] <= LONGEST
    ):
        return cast(
            tuple[Tensor, None],
            sdpa_attention_forward(
                module, query_BATD, key_BKTD, value_BKTD, attention_mask,
                dropout=dropout, scaling=scaling, is_causal=is_causal, **more,
            ),
        )  # fmt: skip
    groups = query_BATD.shape[1] // key_BKTD.shape[1]
    keys, values = (repeat_kv(some, groups).flatten(0, 1) for some in (key_BKTD, value_BKTD))
    scale = query_BATD.shape[-1] ** -0.5 if scaling is None else scaling
    mask_TT = causal_mask(length, 1, query_BATD.dtype, query_BATD.device)
    weights = torch.baddbmm(mask_TT, query_BATD.flatten(0, 1), keys.transpose(1, 2), alpha=scale).softmax(-1)
    outputs = torch.bmm(weights, values).view(*query_BATD.shape[:3], -1)
    return outputs.transpose(1, 2).contiguous(), None
