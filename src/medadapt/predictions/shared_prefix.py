"""The beginning that rows have in common, such as shown records or an instruction, read once for all of them.

In a causal model the keys and values of a beginning do not depend on what follows, so they are the same for every row.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from medadapt.models.continuing import can_continue, continued_hidden
from medadapt.models.loading import LoadedBase
from medadapt.models.packed.rows import shared_length

LEAST_SAVED = 128
"""Tokens that must be saved to pay for a pass over the beginning alone: so many one pass more costs on a CPU."""


class SharedPrefix:
    """Keys and values of the beginning that the rows of a batch share, kept for the next batch.

    It holds for the model as it is: with an adapter it is another one.
    """

    def __init__(self, model: LoadedBase) -> None:
        self._model = model
        self._tokens: list[int] = []
        self._kept: Cache = DynamicCache()

    def cache(self, rows: Sequence[Sequence[int]], *, most: int) -> DynamicCache:
        """A cache for these rows with what they share, of at most `most` tokens; an empty one where it does not pay.

        Every layer of it keeps all tokens, also where the model's attention looks back through a window only.
        """
        length = min(shared_length(rows), most)
        if length * (len(rows) - 1) < LEAST_SAVED or not can_continue(self._model.model):
            return DynamicCache()
        known = shared_length([self._tokens, rows[0][:length]])
        # What is known may be a little shorter; to read it anew pays where all rows together would read more.
        if (length - known) * len(rows) > length:
            self._read(list(rows[0][:length]))
            known = length
        return expanded(self._kept, len(rows), known)

    def _read(self, tokens: list[int]) -> None:
        # Let go of the last one first, so that memory never holds two.
        self._tokens, self._kept = [], DynamicCache()
        kept = DynamicCache()
        continued_hidden(self._model.model, torch.tensor([tokens], device=self._model.device), kept)
        self._tokens, self._kept = tokens, kept


def expanded(kept: Cache, rows: int, length: int) -> DynamicCache:
    """The first `length` tokens of a cache of one row, for many rows; they share its memory until it grows."""
    many = DynamicCache()
    for layer in kept.layers:
        wide = DynamicLayer()
        wide.lazy_initialization(layer.keys, layer.values)
        wide.keys = layer.keys[..., :length, :].expand(rows, -1, -1, -1)
        wide.values = layer.values[..., :length, :].expand(rows, -1, -1, -1)
        many.layers.append(wide)
    return many
