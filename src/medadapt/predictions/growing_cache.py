"""Keys and values of rows that are written on: a token is added in place, a row that is done gives up its place.

Shapes: B rows, A attention heads of keys, T tokens, D width of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class GrowingLayer(DynamicLayer):
    """One layer with room for the tokens to come, so that a step copies nothing that is there."""

    def __init__(self, keys_BATD: Tensor, values_BATD: Tensor, room: int) -> None:
        super().__init__()
        self.lazy_initialization(keys_BATD, values_BATD)
        self._all_keys, self._all_values = _with_room(keys_BATD, room), _with_room(values_BATD, room)
        self._rows, self._first, self._end = len(keys_BATD), 0, keys_BATD.shape[2]
        self._show()

    def update(self, keys_BATD: Tensor, values_BATD: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Add tokens within the room there is; the keys and values of all."""
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

    def _show(self) -> None:
        self.keys = self._all_keys[: self._rows, :, self._first : self._end]
        self.values = self._all_values[: self._rows, :, self._first : self._end]


def growing(kept: DynamicCache, lengths: Sequence[int], room: int) -> DynamicCache:
    """The cache of right-padded rows with each row moved to the right end, and room for tokens after it.

    Keys and values stay what they are, as they know their positions: only where they lie in memory changes. A window
    of attention then counts back over real tokens alone. `kept` gives up its layers one by one.
    """
    width = kept.get_seq_length()
    for place, layer in enumerate(kept.layers):
        keys_BATD, values_BATD = layer.keys, layer.values
        if min(lengths) < width:
            shift_B = torch.tensor([width - length for length in lengths], device=keys_BATD.device)
            source_BT = (torch.arange(width, device=keys_BATD.device) - shift_B[:, None]).clamp(min=0)
            source_BATD = source_BT[:, None, :, None]
            keys_BATD = keys_BATD.gather(2, source_BATD.expand_as(keys_BATD))
            values_BATD = values_BATD.gather(2, source_BATD.expand_as(values_BATD))
        kept.layers[place] = GrowingLayer(keys_BATD, values_BATD, room)
    return kept


def _with_room(some_BATD: Tensor, room: int) -> Tensor:
    rows, heads, tokens, width = some_BATD.shape
    roomy_BATD = some_BATD.new_empty(rows, heads, tokens + room, width)
    roomy_BATD[:, :, :tokens] = some_BATD
    return roomy_BATD
