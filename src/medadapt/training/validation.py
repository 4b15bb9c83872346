"""The loss on held-out records, weighted by tokens: the same number however the batches are cut."""

from __future__ import annotations

import torch
from torch import nn

from medadapt.examples.token_sets import TokenSet
from medadapt.training.batches import cut_by_tokens, pad
from medadapt.training.engine import num_supervised
from medadapt.training.loss import summed_nll

ROWS_IN_MEMORY = 512


@torch.no_grad()
def validation_loss(model: nn.Module, rows: TokenSet, *, micro_tokens: int) -> float:
    """Nats per answer token over all rows. The model is left in training mode or not, as it was."""
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    nll, tokens = 0.0, 0
    # Rows of like length are read together, a bounded number at a time.
    by_length = sorted(range(len(rows)), key=lambda place: (int(rows.lengths[place]), place))
    for start in range(0, len(by_length), ROWS_IN_MEMORY):
        piece = rows.rows(by_length[start : start + ROWS_IN_MEMORY])
        for places in cut_by_tokens([len(row["input_ids"]) for row in piece], micro_tokens):
            batch = pad([piece[place] for place in places], device)
            nll += float(summed_nll(model, batch.tokens_BT, batch.labels_BT))
        tokens += num_supervised(piece)
    model.train(was_training)
    return nll / max(tokens, 1)
