"""Attention with a key head for each query head, on GPUs whose fused kernels do not share key heads.

Before compute capability 8.0 torch has one fused kernel that goes backwards, and it takes as many key heads as query
heads. transformers hands them over shared, and then all attention weights are written out in fp32 and kept. The
packed decoder repeats heads itself; this is for every other architecture.

B rows of T tokens, A query heads, K key heads, D numbers a head.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward

from medadapt.models.attention_in_place import attention_in_place

NAME = "repeated_heads"
FIRST_TO_SHARE = (8, 0)
"""Compute capability from which on a fused kernel takes shared key heads."""


@contextmanager
def repeated_heads(model: nn.Module) -> Iterator[None]:
    """Within it, a model on such a GPU repeats its key heads; every other model computes as before."""
    if not any(wants_repeated_heads(device) for device in {weight.device for weight in model.parameters()}):
        yield
        return
    with attention_in_place(model, NAME, _attention):
        yield


def wants_repeated_heads(device: torch.device) -> bool:
    """Whether the device is a GPU without a fused kernel for shared key heads."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) < FIRST_TO_SHARE


def _attention(
    module: nn.Module,
    query_BATD: Tensor,
    key_BKTD: Tensor,
    value_BKTD: Tensor,
    attention_mask: Tensor | None,
    **options: Any,
) -> tuple[Tensor, None]:
    """An attention function as transformers calls it; the outputs are (B, T, A, D)."""
    called: Any = module
    if attention_mask is None and options.get("cache") is None:
        groups = query_BATD.shape[1] // key_BKTD.shape[1]
        key_BKTD, value_BKTD = repeat_kv(key_BKTD, groups), repeat_kv(value_BKTD, groups)
        # A module that names no groups has a key head for each query head.
        called = SimpleNamespace(is_causal=getattr(module, "is_causal", True))
    return cast(
        tuple[Tensor, None],
        sdpa_attention_forward(called, query_BATD, key_BKTD, value_BKTD, attention_mask, **options),
    )
