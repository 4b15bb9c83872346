"""Frozen linear layers that read the same input, and the LoRA updates on them, as few matrix products.

q, k and v, or gate and up, are one product with their weights stacked; so are their A matrices, and their B
matrices stand in one block-diagonal matrix. N tokens, I input width, O outputs of all layers, R their ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.models.lora import LoraLinear
from medadapt.models.packed.dropout import MaskPool


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Stacked frozen layers and the LoRA layers among them."""

    weight_OI: Tensor
    bias_O: Tensor | None
    loras: tuple[LoraLinear, ...]
    starts: tuple[int, ...]
    """First output of each LoRA layer."""
    place: int
    """Number among the model's projections; makes its dropout mask its own."""
    down_RI: Tensor
    """The A matrices, one below the other, in the number format of the computation; see `refresh`."""
    up_OR: Tensor
    """The B matrices, each in the rows of its outputs and the columns of its rank; see `refresh`."""
    copies: tuple[Tensor, ...]
    """Where each of `parameters` lies in these two."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """A and B of each LoRA layer."""
        return [tensor for layer in self.loras for tensor in (layer.lora_A, layer.lora_B)]

    @property
    def scale(self) -> float:
        """What the update is multiplied by, the same in every layer."""
        return self.loras[0].scale


def stack(layers: Sequence[nn.Module], *, place: int) -> Projection:
    """Layers as one projection; their own weights become views of the stacked matrix, so nothing lies twice."""
    bases = [layer.base if isinstance(layer, LoraLinear) else layer for layer in layers]
    outs = [int(base.weight.shape[0]) for base in bases]  # type: ignore[index]
    weights = [base.weight for base in bases]
    weight_OI = _together(weights)  # type: ignore[arg-type]
    biases = [getattr(base, "bias", None) for base in bases]
    bias_O = None
    if any(bias is not None for bias in biases):
        bias_O = torch.cat(
            [
                weight_OI.new_zeros(out) if bias is None else bias.detach()
                for bias, out in zip(biases, outs, strict=True)
            ]
        )
    ranks = sum(len(layer.lora_A) for layer in layers if isinstance(layer, LoraLinear))
    starts = [sum(outs[:number]) for number in range(len(outs))]
    adapted = [number for number, layer in enumerate(layers) if isinstance(layer, LoraLinear)]
    loras: tuple[LoraLinear, ...] = tuple(layers[number] for number in adapted)  # type: ignore[misc]
    lora_starts = tuple(starts[number] for number in adapted)
    down_RI = weight_OI.new_zeros(ranks, weight_OI.shape[1])
    up_OR = weight_OI.new_zeros(len(weight_OI), ranks)
    downs, ups = _rows_of(down_RI, loras), _diagonal(up_OR, loras, lora_starts)
    return Projection(
        weight_OI=weight_OI,
        bias_O=bias_O,
        loras=loras,
        starts=lora_starts,
        place=place,
        down_RI=down_RI,
        up_OR=up_OR,
        copies=tuple(block for pair in zip(downs, ups, strict=True) for block in pair),
    )


def _together(weights: Sequence[Tensor]) -> Tensor:
    """One matrix of weights that lie behind each other in memory, where they are put unless they do already."""
    first = weights[0].detach()
    ends = accumulate((weight.numel() for weight in weights), initial=first.storage_offset())
    if all(
        weight.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        and weight.storage_offset() == end
        and weight.is_contiguous()
        for weight, end in zip(weights, ends, strict=False)
    ):
        return first.as_strided((sum(map(len, weights)), first.shape[1]), (first.shape[1], 1))
    stacked = torch.cat([weight.detach() for weight in weights])
    for weight, piece in zip(weights, stacked.split(list(map(len, weights))), strict=True):
        weight.data = piece
    return stacked


def refresh(projections: Iterable[Projection]) -> None:
    """Copy the trained A and B as they are now into the matrices that `project` works with.

    To be called before every pass: the optimiser changes A and B in place.
    """
    # Apart, because on a GPU one block that lies in wider rows has all of its call copied one by one.
    whole: tuple[list[Tensor], list[Tensor]] = ([], [])
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for projection in projections:
        for block, tensor in zip(projection.copies, projection.parameters, strict=True):
            targets, sources = whole if block.is_contiguous() else parts
            targets.append(block)
            sources.append(tensor)
    with torch.no_grad():
        for targets, sources in (whole, parts):
            if targets:
                torch._foreach_copy_(targets, sources)


def project(x_NI: Tensor, projection: Projection, masks: MaskPool | None) -> tuple[Tensor, Tensor | None]:
    """Outputs (N, O), and A x (N, R) for the backward pass."""
    y_NO = functional.linear(x_NI, projection.weight_OI, projection.bias_O)
    if not projection.loras:
        return y_NO, None
    mask_NI = _mask(x_NI, projection, masks)
    low_NR = functional.linear(_left(x_NI, mask_NI), projection.down_RI)
    return y_NO.addmm_(low_NR, projection.up_OR.T, alpha=_factor(projection, masks)), low_NR


def project_backward(
    grad_NO: Tensor, x_NI: Tensor, low_NR: Tensor | None, projection: Projection, masks: MaskPool | None
) -> tuple[Tensor, list[Tensor]]:
    """Gradients with respect to the input and to `Projection.parameters`."""
    to_x_NI = grad_NO @ projection.weight_OI
    if low_NR is None:
        return to_x_NI, []
    mask_NI = _mask(x_NI, projection, masks)
    to_low_NR, grads = _update_backward(grad_NO, _left(x_NI, mask_NI), low_NR, projection, masks)
    if mask_NI is None:
        return to_x_NI.addmm_(to_low_NR, projection.down_RI), grads
    return to_x_NI.addcmul_(to_low_NR @ projection.down_RI, mask_NI), grads


def update_backward(
    grad_NO: Tensor, x_NI: Tensor, low_NR: Tensor, projection: Projection, masks: MaskPool | None
) -> list[Tensor]:
    """Gradients with respect to `Projection.parameters` alone."""
    left_NI = _left(x_NI, _mask(x_NI, projection, masks))
    return _update_backward(grad_NO, left_NI, low_NR, projection, masks)[1]


def _update_backward(
    grad_NO: Tensor, left_NI: Tensor, low_NR: Tensor, projection: Projection, masks: MaskPool | None
) -> tuple[Tensor, list[Tensor]]:
    """Gradients with respect to A x, (N, R), and to the parameters; the input as dropout left it."""
    factor = _factor(projection, masks)
    to_low_NR = (grad_NO @ projection.up_OR).mul_(factor)
    # The factor on the narrow matrix, and one conversion for all A: many small operations cost as much as large ones.
    to_up_OR = grad_NO.T @ (low_NR * factor)
    to_down_RI = (to_low_NR.T @ left_NI).to(projection.loras[0].lora_A.dtype)
    downs = _rows_of(to_down_RI, projection.loras)
    ups = _diagonal(to_up_OR, projection.loras, projection.starts)
    grads = []
    for layer, down, up in zip(projection.loras, downs, ups, strict=True):
        grads += [down, up.to(layer.lora_B.dtype)]
    return to_low_NR, grads


def _factor(projection: Projection, masks: MaskPool | None) -> float:
    """Scale of the update, with what dropout takes made up for."""
    return projection.scale if masks is None else projection.scale / masks.kept


def _mask(x_NI: Tensor, projection: Projection, masks: MaskPool | None) -> Tensor | None:
    return None if masks is None else masks.window(projection.place, *x_NI.shape)


def _left(x_NI: Tensor, mask_NI: Tensor | None) -> Tensor:
    """What dropout leaves of the input."""
    return x_NI if mask_NI is None else x_NI * mask_NI


def _rows_of(matrix_RI: Tensor, loras: Sequence[LoraLinear]) -> tuple[Tensor, ...]:
    """The rows of each LoRA layer: its rank."""
    return matrix_RI.split([len(layer.lora_A) for layer in loras])


def _diagonal(matrix_OR: Tensor, loras: Sequence[LoraLinear], starts: Sequence[int]) -> list[Tensor]:
    """The block of each LoRA layer: its outputs and its rank."""
    pieces, rank = [], 0
    for layer, start in zip(loras, starts, strict=True):
        width, own = layer.lora_B.shape
        pieces.append(matrix_OR[start : start + width, rank : rank + own])
        rank += own
    return pieces
