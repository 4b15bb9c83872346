"""Keys and values of rows that are written on: a token is added in place, a row that is done gives up its place.

All rows end in the same column. Rows can join those that are there; what lies before a shorter row is masked.

Shapes: B rows, A attention heads of keys, T tokens, D width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

MORE_ROOM = 256
"""Tokens for which room is made at a time, where rows join or outgrow what there is."""


class GrowingLayer(DynamicLayer):
    """One layer with room for the tokens to come, so that a step copies nothing that is there."""

    def __init__(self, keys_BATD: Tensor, values_BATD: Tensor, room: int) -> None:
        super().__init__()
        self.lazy_initialization(keys_BATD, values_BATD)
        self._all_keys, self._all_values = _with_room(keys_BATD, room), _with_room(values_BATD, room)
        self._rows, self._first, self._end = len(keys_BATD), 0, keys_BATD.shape[2]
        self._show()

    def update(self, keys_BATD: Tensor, values_BATD: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Add tokens, within the room there is or in more; the keys and values of all."""
        if self._end + keys_BATD.shape[2] > self._all_keys.shape[2]:
            self._move(self._rows, self._end - self._first, room=keys_BATD.shape[2] + MORE_ROOM)
        start, self._end = self._end, self._end + keys_BATD.shape[2]
        self._all_keys[: self._rows, :, start : self._end] = keys_BATD
        self._all_values[: self._rows, :, start : self._end] = values_BATD
        self._show()
        return self.keys, self.values

    def keep(self, rows: int, moved: Sequence[tuple[int, int]], dropped: int) -> None:
        """Keep `rows` rows after each (from, to) of `moved`, without their first `dropped` tokens."""
        if moved:
            source, target = map(list, zip(*moved, strict=True))
            self._all_keys[target] = self._all_keys[source]
            self._all_values[target] = self._all_values[source]
        self._rows, self._first = rows, self._first + dropped
        self._show()

    def hold(self, rows: int) -> None:
        """Have so many rows. Those that come behind the ones in use hold nothing of meaning."""
        if rows > len(self._all_keys):
            self._move(rows, self._end - self._first, room=MORE_ROOM)
        self._rows = rows
        self._show()

    def make_room(self, lengths: Sequence[int]) -> None:
        """Have room for rows of so many tokens; nothing else changes, also where memory runs out meanwhile."""
        rows, width = self._rows + len(lengths), max(*lengths, self._end - self._first)
        if rows > len(self._all_keys) or width > self._end:
            self._move(max(rows, len(self._all_keys)), width, room=MORE_ROOM)

    def join(self, keys_BATD: Tensor, values_BATD: Tensor, lengths: Sequence[int]) -> None:
        """Add right-padded rows of so many tokens behind those that are there."""
        self.make_room(lengths)
        rows, longest = self._rows + len(lengths), max(lengths)
        width = max(longest, self._end - self._first)
        first, start = self._end - width, self._end - longest
        for held, some_BATD in ((self._all_keys, keys_BATD), (self._all_values, values_BATD)):
            new_BATD = held[self._rows : rows]
            # Masked, but it must be finite: nothing times not-a-number is not a number. Before the rows that are there
            # may lie what a row left whose model gave no numbers.
            held[: self._rows, :, first : self._first] = 0
            new_BATD[:, :, first:start] = 0
            new_BATD[:, :, start : self._end] = at_the_right_end(some_BATD[:, :, :longest], lengths)
        self._rows, self._first = rows, first
        self._show()

    def _move(self, rows: int, width: int, *, room: int) -> None:
        """Into new memory for so many rows, which hold `width` tokens each and `room` more."""
        used = self._end - self._first
        both = []
        for held in (self._all_keys, self._all_values):
            moved = held.new_zeros(rows, held.shape[1], width + room, held.shape[3])  # finite, as in `join`
            moved[: self._rows, :, width - used : width] = held[: self._rows, :, self._first : self._end]
            both.append(moved)
        # Both at once: memory may have run out for the second.
        self._all_keys, self._all_values = both
        self._first, self._end = width - used, width

    def _show(self) -> None:
        self.keys = self._all_keys[: self._rows, :, self._first : self._end]
        self.values = self._all_values[: self._rows, :, self._first : self._end]


def growing(kept: DynamicCache, lengths: Sequence[int], room: int) -> DynamicCache:
    """The cache of right-padded rows with each row moved to the right end, and room for tokens after it.

    Keys and values stay what they are, as they know their positions: only where they lie in memory changes. A window
    of attention then counts back over real tokens alone. `kept` gives up its layers one by one.
    """
    for place, layer in enumerate(kept.layers):
        keys_BATD, values_BATD = (
            at_the_right_end(some[:, :, : max(lengths)], lengths) for some in (layer.keys, layer.values)
        )
        kept.layers[place] = GrowingLayer(keys_BATD, values_BATD, room)
    return kept


def at_the_right_end(some_BATD: Tensor, lengths: Sequence[int]) -> Tensor:
    """Right-padded rows moved to the right; before a shorter row its first token is repeated."""
    width = some_BATD.shape[2]
    if min(lengths) == width:
        return some_BATD
    shift_B = torch.tensor([width - length for length in lengths], device=some_BATD.device)
    source_BT = (torch.arange(width, device=some_BATD.device) - shift_B[:, None]).clamp(min=0)
    return some_BATD.gather(2, source_BT[:, None, :, None].expand_as(some_BATD))


def _with_room(some_BATD: Tensor, room: int) -> Tensor:
    rows, heads, tokens, width = some_BATD.shape
    roomy_BATD = some_BATD.new_zeros(rows, heads, tokens + room, width)
    roomy_BATD[:, :, :tokens] = some_BATD
    return roomy_BATD
