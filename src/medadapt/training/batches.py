"""Which examples an optimiser step sees, and how they are cut into micro-batches.

Both are pure functions: of the seed and the step, and of the lengths and the token budget. Resuming is
therefore a slice, and the cut never decides what is learned, because every micro-batch adds its share of
one sum over the whole step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from medadapt.examples.masking import IGNORED
from medadapt.models.linear import working_device
from medadapt.models.sizes import rounded_up
from medadapt.models.to_device import sent

Places = list[int]
Row = Mapping[str, Any]
"""A row of a token set: `id`, `input_ids` and `labels`."""


def number_of_steps(num_rows: int, batch_size: int, epochs: float) -> int:
    """Optimiser steps of the whole training; a last small batch counts as one. Only 0 epochs have none."""
    if epochs == 0:
        return 0
    return max(1, round(epochs * steps_per_epoch(num_rows, batch_size)))


def steps_per_epoch(num_rows: int, batch_size: int) -> int:
    """Optimiser steps of one pass over the rows."""
    return math.ceil(num_rows / batch_size)


def rows_of_step(step: int, *, num_rows: int, batch_size: int, seed: int) -> Places:
    """Places of the rows that optimiser step `step` (from 1) learns from; every epoch is shuffled anew."""
    epoch, slot = divmod(step - 1, steps_per_epoch(num_rows, batch_size))
    order = _order_of_epoch(epoch, num_rows, seed)
    return [int(place) for place in order[slot * batch_size : (slot + 1) * batch_size]]


@lru_cache(maxsize=2)
def _order_of_epoch(epoch: int, num_rows: int, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(num_rows)


def cut_by_tokens(lengths: Sequence[int], budget: int, *, padding: int | None = None) -> list[Places]:
    """Cut rows into micro-batches of at most `budget` tokens, padding counted, longest rows first.

    Rows of like length lie together. A row longer than the budget gets a micro-batch of its own. In none are more
    than `padding` tokens of padding; None sets no bound.

    >>> cut_by_tokens([3, 10, 4, 9], 20)
    [[1, 3], [2, 0]]
    >>> cut_by_tokens([3, 10, 4, 9], 40), cut_by_tokens([3, 10, 4, 9], 40, padding=5)
    ([[1, 3, 2, 0]], [[1, 3], [2, 0]])
    """
    batches: list[Places] = []
    padded = 0
    for place in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        longest = lengths[batches[-1][0]] if batches else 0
        more = longest - lengths[place]
        fits = batches and (len(batches[-1]) + 1) * longest <= budget
        if fits and (padding is None or padded + more <= padding):
            batches[-1].append(place)
            padded += more
        else:
            batches.append([place])
            padded = 0
    return batches


class Padded(NamedTuple):
    """Rows of unequal length as rectangles, padded on the right; B rows of T tokens."""

    tokens_BT: Tensor  # noqa: N815 - letters are dimensions
    labels_BT: Tensor  # noqa: N815


def input_device(model: nn.Module) -> torch.device:
    """Where tokens enter a model; with layers on several devices that of its first ones."""
    return working_device(model.get_input_embeddings())  # type: ignore[operator]


def pad(rows: Sequence[Row], device: torch.device, *, context: int | None = None) -> Padded:
    """Rows of a token set as tensors. Padding is token 0 and label `IGNORED`: it is never learned or seen.

    The tokens lie on the device, the labels in main memory, where they can be counted without waiting for it. The
    width is one of few, unless it would exceed `context`, the most tokens that the model has places for.
    """
    longest = max(len(row["input_ids"]) for row in rows)
    if context is None or rounded_up(longest) <= context:
        longest = rounded_up(longest)
    tokens = np.zeros((len(rows), longest), dtype=np.int64)
    labels = np.full((len(rows), longest), IGNORED, dtype=np.int64)
    for place, row in enumerate(rows):
        tokens[place, : len(row["input_ids"])] = row["input_ids"]
        labels[place, : len(row["labels"])] = row["labels"]
    return Padded(sent(torch.from_numpy(tokens), device), torch.from_numpy(labels))
