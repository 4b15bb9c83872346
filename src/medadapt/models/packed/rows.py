"""Rows of unequal length behind each other, without padding, and their attention in blocks of like length.

N tokens of all rows; a block has B rows, padded to T tokens for its attention alone. Behind the real tokens
stand a few that belong to no row, so that N is one of few sizes.

What all rows begin with can stand once, before all of them, and each row sees it before its own tokens.

For reading alone, without gradients, a row can be a branch: its tokens see whole branches before it, such as a prompt
that many rows share, and each other in a tree. A branch's tokens see S tokens at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from medadapt.models.sizes import rounded_up

MOST_WASTE = 0.15
"""Of a block's places at most this share is padding; rows of other lengths get a block of their own."""
FREE_WASTE = 128
"""So many tokens of padding cost less than another block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows of like length whose attention is computed together."""

    places_BT: Tensor
    """Where each token lies among the N; behind a row's end its last token is repeated."""
    real_BT: Tensor | None
    """Which places hold a token of their own; None where all do."""
    seen_BS: Tensor | None = None
    """Where the tokens lie that each row's tokens may see; None where it sees itself alone, causally."""
    sees_BTS: Tensor | None = None
    """Which of these each token does see; None where it is the common beginning and, causally, its own row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Tokens that follow each other, or stand in a tree, and see branches before them."""

    tokens: Sequence[int]
    start: int = 0
    """Position of the first token; of the others, where they follow each other."""
    after: tuple[int, ...] = ()
    """Numbers of the branches that all of its tokens see as a whole."""
    depths: Sequence[int] | None = None
    """Of a tree: how far below `start` each token stands."""
    sees_TT: Tensor | None = None
    """Of a tree: which of its tokens each one sees, itself among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedRows:
    """Rows of tokens as the decoder reads them."""

    tokens_N: Tensor
    positions_N: Tensor
    """Place of each token in its row, from 0."""
    blocks: tuple[Block, ...]
    starts: tuple[int, ...]
    """Where the own tokens of each row, or branch, lie among the N."""
    shared: int = 0
    """Tokens that all rows begin with; they are the first of the N and the only row of the first block."""

    @property
    def num_tokens(self) -> int:
        """N."""
        return len(self.tokens_N)

    def places(self, row: int, positions: np.ndarray) -> np.ndarray:
        """Where a row's tokens at these positions lie among the N."""
        return np.where(positions < self.shared, positions, positions - self.shared + self.starts[row])


def pack_rows(rows: Sequence[Sequence[int]], *, shared: int = 0) -> PackedRows:
    """Rows of token numbers in packed form, in main memory; rows keep their order.

    The first `shared` tokens, which must be the same in all rows and fewer than any row has, stand once.
    """
    if not shared:
        return pack_branches([Branch(tokens=row) for row in rows])
    own = [Branch(tokens=row[shared:], start=shared) for row in rows]
    tokens_N, positions_N, starts = _behind_each_other([Branch(tokens=rows[0][:shared]), *own])
    lengths = [len(branch.tokens) for branch in own]
    blocks = [_block(starts[:1], [shared], [0])]
    for places in _blocks_of([(length, 1) for length in lengths]):
        block = _block(starts[1:], lengths, places)
        beginning_BP = torch.arange(shared).expand(len(places), -1)
        blocks.append(replace(block, seen_BS=torch.cat([beginning_BP, block.places_BT], dim=1)))
    return PackedRows(
        tokens_N=tokens_N,
        positions_N=positions_N,
        blocks=tuple(blocks),
        starts=tuple(starts[1:].tolist()),
        shared=shared,
    )


def shared_length(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with alike."""
    if not rows:
        return 0
    # Of all rows, the smallest and the largest differ first.
    least, most = min(map(list, rows)), max(map(list, rows))
    pairs = zip(least, most, strict=False)
    return next(
        (place for place, (one, other) in enumerate(pairs) if one != other), min(len(least), len(most))
    )


def pack_branches(branches: Sequence[Branch]) -> PackedRows:
    """Branches in packed form, in main memory; they keep their order. No branch may be empty."""
    tokens_N, positions_N, starts = _behind_each_other(branches)
    lengths = [len(branch.tokens) for branch in branches]
    alone = [number for number, branch in enumerate(branches) if not branch.after and branch.sees_TT is None]
    grown = sorted(set(range(len(branches))) - set(alone))
    seen = {number: sum(lengths[one] for one in (*branches[number].after, number)) for number in grown}
    blocks = [
        _block(starts, lengths, [alone[place] for place in places])
        for places in _blocks_of([(lengths[number], 1) for number in alone])
    ]
    blocks += [
        _grown_block(starts, branches, [grown[place] for place in places])
        for places in _blocks_of([(lengths[number], seen[number]) for number in grown])
    ]
    return PackedRows(
        tokens_N=tokens_N, positions_N=positions_N, blocks=tuple(blocks), starts=tuple(starts.tolist())
    )


def _behind_each_other(branches: Sequence[Branch]) -> tuple[Tensor, Tensor, np.ndarray]:
    """The tokens (N) of all branches and their positions (N), and where each branch starts."""
    lengths = [len(branch.tokens) for branch in branches]
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    tokens = np.zeros(rounded_up(sum(lengths), least=32), dtype=np.int64)
    positions = np.zeros_like(tokens)
    tokens[: sum(lengths)] = np.concatenate([np.asarray(branch.tokens) for branch in branches])
    positions[: sum(lengths)] = np.concatenate([_positions(branch) for branch in branches])
    return torch.from_numpy(tokens), torch.from_numpy(positions), starts


def _positions(branch: Branch) -> np.ndarray:
    steps = np.arange(len(branch.tokens)) if branch.depths is None else np.asarray(branch.depths)
    return branch.start + steps


def _blocks_of(shapes: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Rows of like shape (tokens, tokens they may see), longest first.

    >>> _blocks_of([(40, 1), (400, 1), (390, 1), (40, 1)])
    [[1, 2], [0, 3]]
    """
    blocks: list[list[int]] = []
    filled = widest = 0
    for row in sorted(range(len(shapes)), key=lambda row: (-shapes[row][0], -shapes[row][1], row)):
        length, seen = shapes[row]
        if blocks:
            wider = max(widest, seen)
            places = shapes[blocks[-1][0]][0] * wider * (len(blocks[-1]) + 1)
            if places - (filled + length * seen) <= max(MOST_WASTE * places, FREE_WASTE * wider):
                blocks[-1].append(row)
                filled += length * seen
                widest = wider
                continue
        blocks.append([row])
        filled, widest = length * seen, seen
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


def _grown_block(starts: np.ndarray, branches: Sequence[Branch], rows: list[int]) -> Block:
    block = _block(starts, [len(branch.tokens) for branch in branches], rows)
    seen = [
        np.concatenate(
            [
                np.arange(starts[one], starts[one] + len(branches[one].tokens))
                for one in (*branches[row].after, row)
            ]
        )
        for row in rows
    ]
    width = rounded_up(max(map(len, seen)))
    seen_BS = np.zeros((len(rows), width), dtype=np.int64)
    sees_BTS = np.zeros((*block.places_BT.shape, width), dtype=bool)
    for line, (row, places) in enumerate(zip(rows, seen, strict=True)):
        branch = branches[row]
        length = len(branch.tokens)
        before = len(places) - length
        seen_BS[line, : len(places)] = places
        own = np.tri(length, dtype=bool) if branch.sees_TT is None else branch.sees_TT.numpy()
        sees_BTS[line, :, :before] = True
        sees_BTS[line, :length, before : len(places)] = own
        sees_BTS[line, length:, before : len(places)] = own[-1]
    return Block(
        places_BT=block.places_BT,
        real_BT=block.real_BT,
        seen_BS=torch.from_numpy(seen_BS),
        sees_BTS=torch.from_numpy(sees_BTS),
    )
