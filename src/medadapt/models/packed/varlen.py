"""Attention of rows that lie behind each other by one kernel for all of them, where a GPU has it.

Whether it is right here is tried once for each kind of heads, forwards and backwards, before it is used: rows must
not see each other. Where it is not, or on a GPU without it, rows are attended to in blocks. No GPU was at hand when
this was written: what it gains has not been measured.

N tokens, A query heads, K key heads, D numbers a head, R rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from medadapt.models.device import is_out_of_memory
from medadapt.models.packed.heads import Heads
from medadapt.models.packed.rows import Block, PackedRows
from medadapt.models.to_device import sent

PROBED = (5, 1, 17, 9)
"""Tokens of the rows with which the kernel is tried."""
SAME = 0.02
"""Largest difference, as a share of the length, between the kernel and each row on its own: rounding in 16 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """Where rows begin and end among the tokens."""

    heads: Heads
    bounds: Tensor
    """(R + 1), int32: a row's tokens are those from one bound to the next."""
    longest: int


def spans_of(rows: PackedRows, heads: Heads, device: torch.device, dtype: torch.dtype) -> Spans | None:
    """The rows for one kernel; None where blocks are wanted: branches, a common beginning, no such kernel."""
    plain = not rows.shared and all(block.seen_BS is None for block in rows.blocks)
    if not plain or not has_kernel(heads, device, dtype):
        return None
    end = sum(_num_real(block) for block in rows.blocks)
    longest = max(last - first for first, last in pairwise([*rows.starts, end]))
    # Tokens behind the last row, which belong to none and are read by nobody, are in as few spans as may be: the
    # kernel's backward pass takes memory for each span.
    bounds = torch.tensor([*rows.starts, *range(end, rows.num_tokens, longest), rows.num_tokens]).int()
    return Spans(heads=heads, bounds=sent(bounds, device), longest=longest)


def _num_real(block: Block) -> int:
    """Tokens of all rows of a block."""
    return block.places_BT.numel() if block.real_BT is None else int(block.real_BT.sum())


@lru_cache(maxsize=16)
def has_kernel(heads: Heads, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernel is there and attends to each row on its own, in value and gradient."""
    if device.type != "cuda" or dtype not in {torch.bfloat16, torch.float16}:
        return False
    return is_right(heads, device, dtype)


def is_right(heads: Heads, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernel gives the outputs and gradients of each row on its own."""
    source = torch.Generator().manual_seed(0)
    count = sum(PROBED)
    vectors, grad = (
        torch.randn(count, width, heads.width, generator=source).to(device, dtype)
        for width in (heads.rows, heads.query)
    )
    bounds = torch.tensor([0, *PROBED]).cumsum(0).int().to(device)
    try:
        found = _with_gradients(vectors, grad, Spans(heads=heads, bounds=bounds, longest=max(PROBED)))
    except (ImportError, NotImplementedError, RuntimeError, TypeError) as problem:
        if is_out_of_memory(problem):
            raise  # it says nothing about the kernel, and the answer is kept
        return False  # an older torch, an older GPU, or heads of a width that the kernel does not take
    alone = []
    with torch.enable_grad():  # whoever asks may be reading without gradients
        for some, of_some in zip(vectors.split(PROBED), grad.split(PROBED), strict=True):
            pieces = _heads_of(some, heads)
            queries, keys, values = (piece.transpose(0, 1)[None] for piece in pieces)
            out = functional.scaled_dot_product_attention(
                queries, keys, values, is_causal=True, scale=heads.scale, enable_gqa=heads.query != heads.key
            )[0].transpose(0, 1)
            grads = torch.autograd.grad(out, pieces, of_some)
            alone.append(torch.cat([out.detach(), *grads], dim=1))
    expected = torch.cat(alone).double()
    return bool((found.double() - expected).norm() <= SAME * expected.norm())


def attend_spans(vectors_NC: Tensor, spans: Spans) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
    """(N, (A + 2 K) D) -> outputs (N, A D), and what `attend_spans_backward` needs."""
    heads = spans.heads
    with torch.enable_grad():
        queries, keys, values = _heads_of(vectors_NC.view(-1, heads.rows, heads.width), heads)
        out_NAD = _kernel(queries, keys, values, spans)
    return out_NAD.detach().flatten(1), (queries, keys, values, out_NAD)


def attend_spans_backward(grad_NC: Tensor, kept: tuple[Tensor, ...]) -> Tensor:
    """Gradient with respect to the vectors, (N, (A + 2 K) D)."""
    *pieces, out_NAD = kept
    grads = torch.autograd.grad(out_NAD, pieces, grad_NC.reshape(out_NAD.shape))
    return torch.cat(grads, dim=1).flatten(1)


def _with_gradients(vectors: Tensor, grad: Tensor, spans: Spans) -> Tensor:
    out_NC, kept = attend_spans(vectors.flatten(1), spans)
    back_NC = attend_spans_backward(grad.flatten(1), kept)
    return torch.cat([out_NC, back_NC], dim=1).view(len(vectors), -1, spans.heads.width)


def _heads_of(vectors: Tensor, heads: Heads) -> list[Tensor]:
    """Queries (N, A, D), keys and values (N, K, D) as leaves of their own."""
    pieces = vectors.split([heads.query, heads.key, heads.key], dim=1)
    return [piece.detach().requires_grad_() for piece in pieces]


def _kernel(queries: Tensor, keys: Tensor, values: Tensor, spans: Spans) -> Tensor:
    """Causal attention within each span, (N, A, D)."""
    # Newer than the oldest torch that everything else takes.
    from torch.nn.attention.varlen import varlen_attn

    heads = spans.heads
    found: Tensor = varlen_attn(  # type: ignore[assignment]
        queries, keys, values, spans.bounds, spans.bounds, spans.longest, spans.longest,
        scale=heads.scale, window_size=(-1, 0), enable_gqa=heads.query != heads.key,
    )  # fmt: skip
    return found
