"""Rotary positions (Su et al. 2021, arXiv 2104.09864), halves of a head rotated against each other.

N tokens, A heads of D numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor


def rotate_(heads_NAD: Tensor, cos_ND: Tensor, sin_ND: Tensor, *, back: bool = False) -> Tensor:
    """Rotate every head in place; `back` undoes it, which is also its backward pass."""
    half = heads_NAD.shape[-1] // 2
    # The angles of both halves are the same.
    cos_N1D, sin_N1D = cos_ND[:, None, :half], sin_ND[:, None, :half]
    first, second = heads_NAD[..., :half], heads_NAD[..., half:]
    sign = 1 if back else -1
    turned = torch.addcmul(first * cos_N1D, second, sin_N1D, value=sign)
    second.mul_(cos_N1D).addcmul_(first, sin_N1D, value=-sign)
    first.copy_(turned)
    return heads_NAD
