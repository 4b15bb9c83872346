"""From hidden states to logits, for the positions that are needed and no others.

Where logits need not be kept, a CPU works the vocabulary off in pieces: a piece's weights stay in the processor's cache
while all hidden states meet them. They are turned into fp32 in blocks that stay there too.

Shapes: N hidden states of width H, V tokens of the vocabulary, W tokens of a piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.models.forward import text_config
from medadapt.models.linear import working_device

PIECE = 1600
"""Tokens of the vocabulary in a piece on a CPU."""
WIDE_AT_ONCE = 1 << 19
"""Logits turned into fp32 at a time on a CPU, so that they stay in its cache."""
WIDE_ON_GPU = 1 << 26
"""The same elsewhere, where they only have to fit."""


def vocabulary_logits(model: nn.Module, hidden_NH: Tensor) -> Tensor:
    """Logits (N, V) of selected hidden states, on their device and in the model's number format."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    return _finished(model, head(hidden_NH.to(working_device(head))).to(hidden_NH.device))


def vocabulary_pieces(model: nn.Module, hidden_NH: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Logits as (first token, logits (N, W) of W tokens), piece by piece; together they are `vocabulary_logits`.

    On other devices than a CPU, and where the head is more than one matrix, all logits are one piece.
    """
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    if (width := piece_width(model)) is None:
        yield 0, vocabulary_logits(model, hidden_NH)
        return
    for start in range(0, len(head.weight), width):
        bias = None if head.bias is None else head.bias[start : start + width]
        yield start, _finished(model, functional.linear(hidden_NH, head.weight[start : start + width], bias))


def piece_width(model: nn.Module) -> int | None:
    """Tokens in a piece of the vocabulary; None where all are one piece."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    plain = type(head) is nn.Linear and not hasattr(head, "_hf_hook")
    return PIECE if plain and head.weight.device.type == "cpu" else None


def wide_blocks(logits_NW: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Rows of logits in at least fp32, some at a time; a copy, or the logits themselves where they are so wide."""
    wide = torch.promote_types(logits_NW.dtype, torch.float32)
    at_once = WIDE_AT_ONCE if logits_NW.device.type == "cpu" else WIDE_ON_GPU
    step = max(1, at_once // logits_NW.shape[1])
    for start in range(0, len(logits_NW), step):
        rows = slice(start, start + step)
        yield rows, logits_NW[rows].to(wide)


def log_mass(logits_NW: Tensor) -> Tensor:
    """Logarithm of the summed exponentials of each row, (N, W) -> (N,), in at least fp32."""
    return torch.cat([block.logsumexp(-1) for _, block in wide_blocks(logits_NW)])


def _finished(model: nn.Module, logits: Tensor) -> Tensor:
    """What some architectures do with their logits: Granite divides and Cohere multiplies them, Gemma 2 caps them."""
    config = text_config(model)
    scale = (getattr(config, "logit_scale", None) or 1.0) / (getattr(config, "logits_scaling", None) or 1.0)
    if scale != 1.0:
        logits = logits * scale
    cap = getattr(config, "final_logit_softcapping", None)
    return torch.tanh(logits / cap) * cap if cap else logits
