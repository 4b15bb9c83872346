"""Hidden states of prompts and what follows them, read as branches of packed rows: nothing is read twice or padded.

What all rows of a batch begin with is one branch, and each row's rest sees it. A trie is several branches that see
their prompt; their nodes see each other as they lead to each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from medadapt.models.packed.decoder import LEAST_SAVED_SHARE, PackedDecoder, packed_hidden
from medadapt.models.packed.rows import Branch, pack_branches, shared_length
from medadapt.models.sizes import rounded_up
from medadapt.predictions.token_trie import TokenTrie, subtrees

SUBTREE = 32
"""Nodes of a trie in one branch, where they do not hang together in more: attention grows with their square."""
LEAST_SHARED = 16
"""A common beginning of fewer tokens is read again for each row, in the attention that costs least."""


def packed_row_states(
    packed: PackedDecoder, rows: Sequence[Sequence[int]], wanted: Sequence[tuple[int, int]]
) -> Tensor:
    """Hidden states (W, H) at W places (row, position). No row may be empty."""
    beginning = _beginning(rows)
    branches = [Branch(tokens=rows[0][:beginning])] if beginning else []
    shared = tuple(range(len(branches)))
    # Rows that are nothing but the beginning have no branch of their own.
    own: dict[int, int] = {}
    for number, row in enumerate(rows):
        if len(row) > beginning:
            own[number] = len(branches)
            branches.append(Branch(tokens=row[beginning:], start=beginning, after=shared))
    starts = _starts(branches)
    places = [
        position if position < beginning else starts[own[row]] + position - beginning
        for row, position in wanted
    ]
    return _states(packed, branches, places)


def packed_tree_states(
    packed: PackedDecoder,
    prompts: Sequence[Sequence[int]],
    tries: Sequence[TokenTrie],
    wanted: Sequence[tuple[int, int]],
) -> Tensor:
    """Hidden states (W, H) at W nodes (prompt, node)."""
    beginning = _beginning(prompts)
    branches = [Branch(tokens=prompts[0][:beginning])] if beginning else []
    shared = tuple(range(len(branches)))
    start = beginning
    places: dict[tuple[int, int], int] = {}
    for row, (prompt, trie) in enumerate(zip(prompts, tries, strict=True)):
        before = shared
        if len(prompt) > beginning:
            before = (*shared, len(branches))
            branches.append(Branch(tokens=prompt[beginning:], start=beginning, after=shared))
            start += len(prompt) - beginning
            places[row, 0] = start - 1
        else:
            places[row, 0] = beginning - 1
        for nodes, sees_TT in subtrees(trie, SUBTREE):
            tokens, depths = ([of[node] for node in nodes] for of in (trie.tokens, trie.depths))
            branches.append(
                Branch(tokens=tokens, start=len(prompt) - 1, after=before, depths=depths, sees_TT=sees_TT)
            )
            places.update({(row, node): start + number for number, node in enumerate(nodes)})
            start += len(nodes)
    return _states(packed, branches, [places[node] for node in wanted])


def _beginning(rows: Sequence[Sequence[int]]) -> int:
    """How many tokens all rows begin with; 0 where it does not pay to read them apart."""
    length = shared_length(rows) if len(rows) > 1 else 0
    # Rows behind a beginning need a mask, and the kernel for rows without one is faster.
    enough = LEAST_SAVED_SHARE * sum(map(len, rows))
    return length if length >= LEAST_SHARED and (len(rows) - 1) * length >= enough else 0


def _starts(branches: Sequence[Branch]) -> list[int]:
    return list(accumulate((len(branch.tokens) for branch in branches), initial=0))


def _states(packed: PackedDecoder, branches: Sequence[Branch], places: Sequence[int]) -> Tensor:
    # One of few numbers of places; behind the wanted ones the first is asked again.
    keep = list(places)
    keep += keep[:1] * (rounded_up(len(keep), least=32) - len(keep))
    keep_K = torch.tensor(keep, device=packed.device)
    return packed_hidden(packed, pack_branches(branches), keep_K)[: len(places)]
