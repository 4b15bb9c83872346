"""RMS normalisation (Zhang and Sennrich 2019, arXiv 1910.07467) forwards and backwards.

Lengths are measured in at least fp32. D is the last dimension.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rms_norm(x: Tensor, weight_D: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """`x` with rows of mean square 1, times `weight_D`, and what each row was multiplied by (..., 1)."""
    wide = torch.promote_types(x.dtype, torch.float32)
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=wide)
    inverse = length.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
    return scaled(x, weight_D, inverse), inverse


def scaled(x: Tensor, weight_D: Tensor, inverse: Tensor) -> Tensor:
    """The normalised `x` again, from what `rms_norm` returned."""
    return (x * inverse).to(x.dtype).mul_(weight_D)


def rms_norm_backward(
    grad: Tensor, x: Tensor, weight_D: Tensor, inverse: Tensor, *, added: Tensor | None = None
) -> Tensor:
    """Gradient with respect to `x`, plus `added` (the gradient that goes past the norm)."""
    through = grad * weight_D
    if x.dtype == torch.float16:  # in which the product of both may be too large
        share = (through * (x * inverse)).sum(-1, keepdim=True).mul_(inverse.square())
    else:
        share = (through * x).sum(-1, keepdim=True, dtype=inverse.dtype).mul_(inverse.pow(3))
    share.div_(-x.shape[-1])
    result = torch.addcmul(through * inverse, x, share)
    if added is not None:
        result = result.add_(added)
    return result.to(x.dtype)
