"""The negative log-likelihood of the answers, computed where there is something to learn and nowhere else.

Shapes: B rows of T tokens, H hidden width, N supervised positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from medadapt.examples.masking import IGNORED
from medadapt.models.forward import context_of, final_hidden, text_config
from medadapt.models.lora import lora_layers
from medadapt.models.packed.decoder import PackedDecoder, fits_window, pack_for, packed_hidden
from medadapt.models.sizes import rounded_up
from medadapt.models.to_device import sent
from medadapt.models.vocabulary import vocabulary_logits
from medadapt.training.batches import Row, input_device, pad
from medadapt.training.token_loss import summed_nll

MOST_LOGITS = {"cpu": 1 << 23, "cuda": 1 << 26}
"""Logits held at once; more are worked off in pieces. On a CPU larger pieces only wait for memory."""


def rows_nll(
    model: nn.Module,
    rows: Sequence[Row],
    *,
    packed: PackedDecoder | None = None,
    factor: float = 1.0,
    mask_seed: int | None = None,
    recompute: bool = False,
) -> Tensor:
    """`factor` times the sum of the negative log-likelihoods in nats over all labelled tokens; a scalar.

    The token at position t is predicted from position t - 1. Only those positions pass through the
    vocabulary head, and the softmax is taken in fp32 (fp64 for a model in fp64).

    Args:
        model: a causal language model with LoRA layers.
        rows: rows of a token set.
        packed: the model's decoder for packed rows, where it has one; rows longer than its window go through
            the model's own layers.
        factor: what the sum is multiplied by, before the gradient is rounded to the model's number format.
        mask_seed: draws the dropout masks; None means no dropout.
        recompute: whether packed layers are computed again in the backward pass, to save memory. The
            model's own layers do so where they have been told (`recompute_activations`).
    """
    if packed is not None and fits_window(packed, max(len(row["input_ids"]) for row in rows)):
        hidden_NH, targets_N = _packed_hidden(packed, rows, mask_seed=mask_seed, recompute=recompute)
    else:
        _seed_layers(model, mask_seed)
        hidden_NH, targets_N = _padded_hidden(model, rows)
    if not len(targets_N):
        return hidden_NH.sum() * 0.0
    most = MOST_LOGITS.get(hidden_NH.device.type, MOST_LOGITS["cuda"]) // int(text_config(model).vocab_size)
    most = max(1, most - most % 32 if most > 32 else most)  # whole tiles of the matrix products
    if len(targets_N) <= most:
        return _nll(model, hidden_NH, targets_N, factor)
    return _PiecewiseNll.apply(hidden_NH, targets_N, model, most, factor)


def _packed_hidden(
    packed: PackedDecoder, rows: Sequence[Row], *, mask_seed: int | None, recompute: bool
) -> tuple[Tensor, Tensor]:
    """Hidden states (N, H) and targets (N,) of the supervised positions; behind them some to be ignored."""
    # A row's first token is predicted by nothing.
    targets = [np.asarray(row["labels"])[1:] for row in rows]
    lying = pack_for(packed, [row["input_ids"] for row in rows])
    places = np.concatenate(
        [lying.places(number, np.flatnonzero(wanted != IGNORED)) for number, wanted in enumerate(targets)]
    )
    size = rounded_up(len(places), least=16)
    keep, flat = np.zeros(size, dtype=np.int64), np.full(size, IGNORED, dtype=np.int64)
    keep[: len(places)] = places
    flat[: len(places)] = np.concatenate([wanted[wanted != IGNORED] for wanted in targets])
    targets_K = sent(torch.from_numpy(flat), packed.device)
    hidden_KH = packed_hidden(
        packed,
        lying,
        sent(torch.from_numpy(keep), packed.device),
        mask_seed=mask_seed,
        recompute=recompute,
    )
    return hidden_KH, targets_K


def _padded_hidden(model: nn.Module, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
    """The same through the model's own layers."""
    device = input_device(model)
    batch = pad(rows, device, context=context_of(cast(Any, model).config))
    row_N, place_N = torch.nonzero(batch.labels_BT[:, 1:] != IGNORED, as_tuple=True)
    targets_N = sent(batch.labels_BT[row_N, place_N + 1], device)
    places_N = sent(row_N * batch.labels_BT.shape[1] + place_N, device)
    hidden_BTH = final_hidden(model, batch.tokens_BT)
    return hidden_BTH.flatten(0, 1).index_select(0, places_N), targets_N


def _seed_layers(model: nn.Module, mask_seed: int | None) -> None:
    """Give every LoRA layer the masks of this micro-batch."""
    if mask_seed is not None:
        for _, layer in lora_layers(model):
            layer.mask_seed = mask_seed


def _nll(model: nn.Module, hidden_NH: Tensor, targets_N: Tensor, factor: float) -> Tensor:
    logits_NV = vocabulary_logits(model, hidden_NH)
    return summed_nll(logits_NV, targets_N.to(logits_NV.device), factor=factor)


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
                loss = _nll(model, part, targets_N[piece], factor)
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
