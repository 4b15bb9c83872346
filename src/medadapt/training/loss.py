"""The negative log-likelihood of the answers, computed where there is something to learn and nowhere else.

Shapes: B rows of T tokens, H hidden width, N supervised positions, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.examples.masking import IGNORED
from medadapt.models.forward import final_hidden, text_config, vocabulary_logits

MOST_LOGITS = 1 << 26
"""Logits (fp32 numbers) held at once; a larger head is worked off in pieces."""


def summed_nll(model: nn.Module, tokens_BT: Tensor, labels_BT: Tensor, *, factor: float = 1.0) -> Tensor:
    """`factor` times the sum of the negative log-likelihoods in nats over all labelled tokens; a scalar.

    The token at position t is predicted from position t - 1. Only those positions pass through the
    vocabulary head, and the softmax is taken in fp32 (fp64 for a model in fp64).
    """
    hidden_BTH = final_hidden(model, tokens_BT)
    targets_BT = labels_BT[:, 1:].to(hidden_BTH.device)  # the last layers may lie on another device
    wanted_BT = targets_BT != IGNORED
    hidden_NH, targets_N = hidden_BTH[:, :-1][wanted_BT], targets_BT[wanted_BT]
    if not len(targets_N):
        return hidden_NH.sum() * 0.0
    rows = max(1, MOST_LOGITS // int(text_config(model).vocab_size))
    if len(targets_N) <= rows:
        return _nll(model, hidden_NH, targets_N) * factor
    return _PiecewiseNll.apply(hidden_NH, targets_N, model, rows, factor)


def _nll(model: nn.Module, hidden_NH: Tensor, targets_N: Tensor) -> Tensor:
    logits_NV = vocabulary_logits(model, hidden_NH)
    wide = torch.promote_types(logits_NV.dtype, torch.float32)
    return functional.cross_entropy(logits_NV.to(wide), targets_N.to(logits_NV.device), reduction="sum")


class _PiecewiseNll(torch.autograd.Function):
    """The same number with only some rows' logits in memory at a time.

    Each piece is differentiated at once and only the gradient of its hidden states is kept. That is
    possible because the head is frozen: nothing else needs the logits again. The factor is applied before,
    so that a scaled loss keeps its small gradients out of fp16's underflow.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden_NH: Tensor, targets_N: Tensor, model: nn.Module, rows: int, factor: float
    ) -> Tensor:
        total = hidden_NH.new_zeros((), dtype=torch.promote_types(hidden_NH.dtype, torch.float32))
        needs_gradient = ctx.needs_input_grad[0]
        gradient_NH = torch.empty_like(hidden_NH) if needs_gradient else None
        for start in range(0, len(targets_N), rows):
            piece = slice(start, start + rows)
            with torch.set_grad_enabled(needs_gradient):
                part = hidden_NH[piece].detach().requires_grad_(needs_gradient)
                loss = _nll(model, part, targets_N[piece]) * factor
            if gradient_NH is not None:
                (gradient_NH[piece],) = torch.autograd.grad(loss, part)
            total = total + loss.detach()
        ctx.save_for_backward(gradient_NH)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient_NH,) = ctx.saved_tensors
        # In the wider format: a factor rounded to bf16 would be off by up to 0.4 %.
        return (gradient_NH.to(grads[0].dtype) * grads[0]).to(gradient_NH.dtype), None, None, None, None
