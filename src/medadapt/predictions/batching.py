"""Rows of tokens cut into batches that fit memory, and a model that only answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.models.device import is_out_of_memory


class NoRoomError(ModelError):
    """Not even one text fits into memory."""


@dataclass(slots=True)
class TokenBudget:
    """Most tokens, padding included, in one forward pass. It shrinks when memory runs out and stays there."""

    tokens: int


def in_batches(
    lengths: Sequence[int],
    budget: TokenBudget,
    work: Callable[[list[int]], None],
    advance: Callable[[int], None],
) -> None:
    """Call `work` with the indices of one batch after another, the longest rows first.

    Rows of equal length keep their order, so rows that belong together stay together. A batch holds as
    many rows as `budget` allows when all are padded to the longest, and at least one. When memory runs
    out the budget is halved and the same rows are tried again: `work` must be repeatable. `advance` hears
    how many rows are done. Raises NoRoomError when even one row alone does not fit.
    """
    waiting = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    while waiting:
        width = max(lengths[waiting[0]], 1)
        batch = waiting[: max(1, budget.tokens // width)]
        if _fits(work, batch):
            waiting = waiting[len(batch) :]
            advance(len(batch))
        elif len(batch) == 1:
            raise NoRoomError(
                f"Memory ran out on one text of {width} tokens.",
                "enough memory for the longest text alone",
                "Lower examples.max_length, use a smaller base or quantization: nf4, or free some memory.",
            )
        else:
            budget.tokens = width * len(batch) // 2


def right_padded(rows: Sequence[Sequence[int]], device: torch.device, *, width: int | None = None) -> Tensor:
    """Rows as one tensor (B, T), as wide as the longest or as `width`.

    Shorter rows end in token 0, which the tokens before it never see in a causal model.
    """
    width = width or max(len(row) for row in rows)
    return torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.long, device=device)


@contextmanager
def answering(model: nn.Module) -> Iterator[None]:
    """A model without dropout and gradients; afterwards each module trains again if it did before."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def _fits(work: Callable[[list[int]], None], batch: list[int]) -> bool:
    try:
        work(batch)
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
    else:
        return True
    # Outside of the handler, where the failed batch's tensors are no longer held by the traceback.
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False
