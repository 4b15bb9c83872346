"""One decoder layer as one autograd function: attention and a gated MLP, each behind a norm.

Saved for the backward pass are the layer's input, the heads and attention weights, the state between
both halves and the MLP's two inner products; everything else is cheap to compute again. N tokens of H
numbers; K of them go on where the rest of the last layer is not needed; F is the MLP's width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from medadapt.models.packed.attention import Attended, Layout, attend, attend_backward
from medadapt.models.packed.dropout import MaskPool
from medadapt.models.packed.norm import rms_norm, rms_norm_backward, scaled
from medadapt.models.packed.projection import Projection, project, project_backward, update_backward
from medadapt.models.packed.rotary import rotate_
from medadapt.models.packed.varlen import Spans


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderLayer:
    """The frozen parts of a layer."""

    vectors: Projection
    """Queries, keys and values."""
    output: Projection
    inner: Projection
    """Gate and up."""
    down: Projection
    norm_H: Tensor
    mlp_norm_H: Tensor
    heads_norm: Tensor | None
    """Weights of the norm of queries and keys, (A + K, D) for A query and K key heads; None where there is none."""
    eps: float

    @property
    def projections(self) -> tuple[Projection, Projection, Projection, Projection]:
        """All four, in the order of the computation."""
        return self.vectors, self.output, self.inner, self.down


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What all layers share in one pass over some rows."""

    layout: Layout | Spans
    cos_ND: Tensor
    sin_ND: Tensor
    masks: MaskPool | None
    """None where no dropout is wanted."""
    recompute: bool
    """Whether only a layer's input is kept, and the rest computed again in the backward pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What the backward pass needs of the forward pass."""

    x_NH: Tensor
    inverse_N1: Tensor
    raw_heads: Tensor | None
    heads_inverse: Tensor | None
    attended: list[Attended]
    mixed_KC: Tensor
    middle_KH: Tensor
    mlp_inverse_K1: Tensor
    inner_K2F: Tensor
    gate_KF: Tensor
    """The gate's outputs after their SiLU."""
    lows: tuple[Tensor | None, ...]
    """A x of each projection."""


def run_layer(x_NH: Tensor, layer: DecoderLayer, over: Pass, keep_K: Tensor | None = None) -> Tensor:
    """The layer's output (N, H), or (K, H) at the places `keep_K`."""
    # A and B are handed over so that autograd knows of them; the numbers come from `refresh`.
    tensors = [tensor for projection in layer.projections for tensor in projection.parameters]
    if not torch.is_grad_enabled():
        return _forward(x_NH, layer, over, keep_K)[0]
    return _Layer.apply(x_NH, layer, over, keep_K, *tensors)


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x_NH: Tensor, layer: DecoderLayer, over: Pass, keep_K: Tensor | None, *_: Tensor
    ) -> Tensor:
        y, kept = _forward(x_NH, layer, over, keep_K)
        ctx.save_for_backward(x_NH)
        ctx.layer, ctx.over, ctx.keep_K = layer, over, keep_K
        ctx.kept = None if over.recompute else kept
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        kept = ctx.kept
        if kept is None:
            kept = _forward(ctx.saved_tensors[0], ctx.layer, ctx.over, ctx.keep_K)[1]
        ctx.kept = None
        to_x, to_tensors = _backward(
            grads[0], kept, ctx.layer, ctx.over, ctx.keep_K, wants_x=ctx.needs_input_grad[0]
        )
        ctx.over = None  # whoever still has the loss need not keep the dropout masks
        return to_x, None, None, None, *to_tensors


def _forward(x_NH: Tensor, layer: DecoderLayer, over: Pass, keep_K: Tensor | None) -> tuple[Tensor, _Kept]:
    masks, heads = over.masks, over.layout.heads
    normed_NH, inverse_N1 = rms_norm(x_NH, layer.norm_H, layer.eps)
    vectors_NC, low_vectors = project(normed_NH, layer.vectors, masks)
    turned = vectors_NC.view(-1, heads.rows, heads.width)[:, : heads.query + heads.key]
    raw_heads = heads_inverse = None
    if layer.heads_norm is not None:
        raw_heads = turned.clone()
        normed_heads, heads_inverse = rms_norm(raw_heads, layer.heads_norm, layer.eps)
        turned.copy_(normed_heads)
    rotate_(turned, over.cos_ND, over.sin_ND)
    mixed, attended = attend(vectors_NC, over.layout)
    rest = x_NH
    if keep_K is not None:
        mixed, rest = mixed.index_select(0, keep_K), x_NH.index_select(0, keep_K)
    middle_KH, low_output = project(mixed, layer.output, masks)
    middle_KH.add_(rest)
    mlp_normed_KH, mlp_inverse_K1 = rms_norm(middle_KH, layer.mlp_norm_H, layer.eps)
    inner_K2F, low_inner = project(mlp_normed_KH, layer.inner, masks)
    raw_gate_KF, up_KF = inner_K2F.chunk(2, dim=1)
    gate_KF = functional.silu(raw_gate_KF)
    y_KH, low_down = project(gate_KF * up_KF, layer.down, masks)
    kept = _Kept(
        x_NH=x_NH,
        inverse_N1=inverse_N1,
        raw_heads=raw_heads,
        heads_inverse=heads_inverse,
        attended=attended,
        mixed_KC=mixed,
        middle_KH=middle_KH,
        mlp_inverse_K1=mlp_inverse_K1,
        inner_K2F=inner_K2F,
        gate_KF=gate_KF,
        lows=(low_vectors, low_output, low_inner, low_down),
    )
    return y_KH.add_(middle_KH), kept


def _backward(
    grad_KH: Tensor,
    kept: _Kept,
    layer: DecoderLayer,
    over: Pass,
    keep_K: Tensor | None,
    *,
    wants_x: bool,
) -> tuple[Tensor | None, list[Tensor]]:
    masks, heads = over.masks, over.layout.heads
    raw_gate_KF, up_KF = kept.inner_K2F.chunk(2, dim=1)
    to_gated, to_down = project_backward(grad_KH, kept.gate_KF * up_KF, kept.lows[3], layer.down, masks)
    to_inner = torch.empty_like(kept.inner_K2F)
    to_gate, to_up = to_inner.chunk(2, dim=1)
    torch.mul(to_gated, kept.gate_KF, out=to_up)
    torch.ops.aten.silu_backward.grad_input(to_gated.mul_(up_KF), raw_gate_KF, grad_input=to_gate)
    mlp_normed = scaled(kept.middle_KH, layer.mlp_norm_H, kept.mlp_inverse_K1)
    to_normed, to_inner_lora = project_backward(to_inner, mlp_normed, kept.lows[2], layer.inner, masks)
    to_middle = rms_norm_backward(
        to_normed, kept.middle_KH, layer.mlp_norm_H, kept.mlp_inverse_K1, added=grad_KH
    )
    to_mixed, to_output_lora = project_backward(to_middle, kept.mixed_KC, kept.lows[1], layer.output, masks)
    if keep_K is not None:
        to_mixed = _spread(to_mixed, keep_K, len(kept.x_NH))
        to_middle = _spread(to_middle, keep_K, len(kept.x_NH))
    to_vectors = attend_backward(to_mixed, over.layout, kept.attended)
    turned = to_vectors.view(-1, heads.rows, heads.width)[:, : heads.query + heads.key]
    rotate_(turned, over.cos_ND, over.sin_ND, back=True)
    if layer.heads_norm is not None:
        assert kept.raw_heads is not None
        assert kept.heads_inverse is not None
        turned.copy_(rms_norm_backward(turned, kept.raw_heads, layer.heads_norm, kept.heads_inverse))
    normed, low = scaled(kept.x_NH, layer.norm_H, kept.inverse_N1), kept.lows[0]
    to_x: Tensor | None = None
    to_vectors_lora: list[Tensor] = []
    if wants_x:
        to_first, to_vectors_lora = project_backward(to_vectors, normed, low, layer.vectors, masks)
        to_x = rms_norm_backward(to_first, kept.x_NH, layer.norm_H, kept.inverse_N1, added=to_middle)
    elif low is not None:
        to_vectors_lora = update_backward(to_vectors, normed, low, layer.vectors, masks)
    return to_x, [*to_vectors_lora, *to_output_lora, *to_inner_lora, *to_down]


def _spread(rows_KH: Tensor, keep_K: Tensor, length: int) -> Tensor:
    """The rows at their places, zeros elsewhere; rows of one place are added up."""
    return rows_KH.new_zeros(length, rows_KH.shape[1]).index_add_(0, keep_K, rows_KH)
