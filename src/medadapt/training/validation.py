"""The loss on held-out records, weighted by tokens: the same number however the batches are cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import nn

from medadapt.examples.token_sets import TokenSet
from medadapt.models.device import is_out_of_memory
from medadapt.models.packed.decoder import PackedDecoder
from medadapt.models.repeated_heads import repeated_heads
from medadapt.training.batches import Row, cut_by_tokens
from medadapt.training.engine import num_supervised
from medadapt.training.loss import rows_nll
from medadapt.training.memory import MemoryPlan, give_back_memory, halved

ROWS_IN_MEMORY = 64


@torch.no_grad()
def validation_loss(
    model: nn.Module,
    rows: TokenSet,
    memory: MemoryPlan,
    *,
    packed: PackedDecoder | None = None,
    on_less: Callable[[MemoryPlan], None] | None = None,
) -> float:
    """Nats per answer token over all rows. The model is left in training mode or not, as it was.

    `on_less` hears the smaller plan each time memory has run out. Raises ModelError when one row alone does not fit
    into memory.
    """
    was_training = model.training
    model.eval()
    nll, tokens = 0.0, 0
    # Rows of like length are read together, a bounded number at a time.
    by_length = sorted(range(len(rows)), key=lambda place: (int(rows.lengths[place]), place))
    with repeated_heads(model) if packed is None else nullcontext():
        for start in range(0, len(by_length), ROWS_IN_MEMORY):
            piece = rows.rows(by_length[start : start + ROWS_IN_MEMORY])
            of_piece, fitted = _nll_that_fits(model, piece, memory, packed)
            if fitted != memory and on_less is not None:
                on_less(fitted)
            memory = fitted
            nll += of_piece
            tokens += num_supervised(piece)
    model.train(was_training)
    return nll / max(tokens, 1)


def _nll_that_fits(
    model: nn.Module, rows: Sequence[Row], memory: MemoryPlan, packed: PackedDecoder | None
) -> tuple[float, MemoryPlan]:
    """Summed over the rows, in smaller batches each time memory runs out; and the plan that did fit."""
    lengths = [len(row["input_ids"]) for row in rows]
    while True:
        try:
            cut = cut_by_tokens(lengths, memory.micro_tokens, padding=memory.padding)
            nll = sum(float(rows_nll(model, [rows[i] for i in places], packed=packed)) for places in cut)
            return nll, memory
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem):
                raise
        # Outside of the handler, as in the engine.
        give_back_memory()
        memory = _smaller_cut(lengths, memory)


def _smaller_cut(lengths: Sequence[int], plan: MemoryPlan) -> MemoryPlan:
    """The plan that cuts the largest micro-batch of several rows in half, after memory has run out.

    Raises ModelError where every row already has a micro-batch of its own; see `halved`.
    """
    cut = cut_by_tokens(lengths, plan.micro_tokens, padding=plan.padding)
    tried = max((len(some) * lengths[some[0]] for some in cut if len(some) > 1), default=0)
    return halved(plan, tried_tokens=tried, kind="validation example")
