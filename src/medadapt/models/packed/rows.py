"""Rows of unequal length behind each other, without padding, and their attention in blocks of like length.

N tokens of all rows; a block has B rows, padded to T tokens for its attention alone. Behind the real tokens
stand a few that belong to no row, so that N is one of few sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from medadapt.models.sizes import rounded_up

MOST_WASTE = 0.15
"""Of a block's places at most this share is padding; rows of other lengths get a block of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of like length whose attention is computed together."""

    places_BT: Tensor
    """Where each token lies among the N; behind a row's end its last token is repeated."""
    real_BT: Tensor | None
    """Which places hold a token of their own; None where all do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRows:
    """Rows of tokens as the decoder reads them."""

    tokens_N: Tensor
    positions_N: Tensor
    """Place of each token in its row, from 0."""
    blocks: tuple[Block, ...]

    @property
    def num_tokens(self) -> int:
        """N."""
        return len(self.tokens_N)


def pack_rows(rows: Sequence[Sequence[int]]) -> PackedRows:
    """Rows of token numbers in packed form, in main memory; rows keep their order."""
    lengths = [len(row) for row in rows]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    tokens = np.zeros(rounded_up(sum(lengths), least=32), dtype=np.int64)
    positions = np.zeros_like(tokens)
    tokens[: sum(lengths)] = np.concatenate([np.asarray(row) for row in rows])
    positions[: sum(lengths)] = np.concatenate([np.arange(length) for length in lengths])
    return PackedRows(
        tokens_N=torch.from_numpy(tokens),
        positions_N=torch.from_numpy(positions),
        blocks=tuple(_block(starts, lengths, block) for block in _blocks_of(lengths)),
    )


def _blocks_of(lengths: Sequence[int]) -> list[list[int]]:
    """Rows of like length, longest first.

    >>> _blocks_of([4, 10, 9, 4])
    [[1, 2], [0, 3]]
    """
    blocks: list[list[int]] = []
    filled = 0
    for row in sorted(range(len(lengths)), key=lambda row: (-lengths[row], row)):
        if blocks:
            places = lengths[blocks[-1][0]] * (len(blocks[-1]) + 1)
            if places - (filled + lengths[row]) <= MOST_WASTE * places:
                blocks[-1].append(row)
                filled += lengths[row]
                continue
        blocks.append([row])
        filled = lengths[row]
    return blocks


def _block(starts: np.ndarray, lengths: Sequence[int], rows: list[int]) -> Block:
    sizes = np.array([lengths[row] for row in rows])
    steps = np.arange(rounded_up(int(sizes.max())))
    real_BT = steps < sizes[:, None]
    places_BT = starts[rows][:, None] + np.minimum(steps, sizes[:, None] - 1)
    return Block(
        places_BT=torch.from_numpy(places_BT),
        real_BT=None if real_BT.all() else torch.from_numpy(real_BT),
    )
