"""Dropout whose mask is a function of a number, not of a generator's history.

Resuming a run, cutting a step into other micro-batches or recomputing activations then never shifts
anybody else's random numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor


def silence(x: Tensor, share: float, seed: int) -> Tensor:
    """`x` with a random `share` of its elements at zero and the rest scaled by 1 / (1 - share).

    The mask depends on `seed`, the number of elements and the device type alone.
    """
    generator = torch.Generator(device=x.device).manual_seed(seed % 2**63)
    keep = torch.empty(x.shape, dtype=x.dtype, device=x.device).bernoulli_(1 - share, generator=generator)
    return x * keep.div_(1 - share)
