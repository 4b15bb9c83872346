"""Dropout masks as windows of one pool of random zeros and ones, drawn once for each micro-batch.

Drawing random numbers for every layer would cost as much as a good part of its matrix products. Each layer
looks at the pool through a window of its own, so at any token and feature two layers see different draws.
The pool is a function of one number, so resuming a run or computing a layer twice gives the same masks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from medadapt.models.dropout import silenced


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskPool:
    """Zeros and ones for every layer of one micro-batch."""

    ones: Tensor
    """Flat; 1 where a value is kept."""
    kept: float
    """Share of values that are kept."""

    def window(self, place: int, rows: int, width: int) -> Tensor:
        """The (rows, width) mask of the layer with this number."""
        size = rows * width
        # Multiples of an odd number near the golden section of 2**32 spread over the pool without clustering.
        start = (place * 2654435769) % (2**32) * (len(self.ones) - size) >> 32
        return self.ones[start : start + size].view(rows, width)


def draw_pool(*, share: float, seed: int, largest: int, dtype: torch.dtype, device: torch.device) -> MaskPool:
    """A pool for layers whose masks have at most `largest` places; `share` of them are silenced."""
    size = 2 * largest
    silent = silenced(torch.Size([size]), share, seed, device)
    return MaskPool(ones=(~silent).to(dtype), kept=1 - share)
