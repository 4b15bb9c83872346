"""The summed negative log-likelihood of tokens, from their logits, in little memory.

Logits are kept in the model's number format alone: what has to be exact is taken in at least fp32, block by block. In
the backward pass the logits become their gradient where they lie, so no second array of their size is made.

Shapes: N rows of logits over V tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from medadapt.examples.masking import IGNORED
from medadapt.models.vocabulary import log_mass, wide_blocks


def summed_nll(logits_NV: Tensor, targets_N: Tensor, *, factor: float = 1.0) -> Tensor:
    """`factor` times the sum over all targets that are not IGNORED, a scalar in at least fp32.

    The logits must not be used for anything else: the backward pass overwrites them.
    """
    total: Tensor = _SummedNll.apply(logits_NV, targets_N, factor)
    return total


class _SummedNll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits_NV: Tensor, targets_N: Tensor, factor: float) -> Tensor:
        mass_N = log_mass(logits_NV)
        wanted_N = targets_N != IGNORED
        picked_N = logits_NV.gather(1, targets_N.clamp(min=0)[:, None])[:, 0].to(mass_N)
        ctx.factor = factor
        ctx.save_for_backward(logits_NV, targets_N, mass_N, wanted_N)
        # Not by a mask as an index, whose length the host would have to wait for.
        return torch.where(wanted_N, mass_N - picked_N, 0).sum() * factor

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        logits_NV, targets_N, mass_N, wanted_N = ctx.saved_tensors
        # Before it is rounded to the model's format, so that small gradients stay out of fp16's underflow.
        share_N = wanted_N * (grads[0] * ctx.factor)
        for rows, block in wide_blocks(logits_NV):
            block.sub_(mass_N[rows, None]).exp_()
            block.scatter_add_(1, targets_N[rows, None].clamp(min=0), -block.new_ones(len(block), 1))
            block.mul_(share_N[rows, None])
            logits_NV[rows].copy_(block)
        return logits_NV, None, None
