"""Another attention in transformers' own modules, for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

from medadapt.models.forward import text_config

Attention = Callable[..., tuple[Tensor, None]]
"""As transformers calls it: module, queries, keys, values, mask and options."""


@contextmanager
def attention_in_place(model: nn.Module, name: str, attention: Attention) -> Iterator[None]:
    """Within it, a model whose attention is torch's fused kernel uses `attention`, and any other what it has.

    `name` is what transformers knows the attention by.
    """
    causal = cast(Any, model)
    own = text_config(model)._attn_implementation
    if own != "sdpa":
        yield
        return
    AttentionInterface.register(name, attention)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    causal.set_attn_implementation(name)
    try:
        yield
    finally:
        causal.set_attn_implementation(own)
