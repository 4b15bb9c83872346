"""Rows that one model writes on at once. A request joins between two steps, and leaves when it is answered.

A step reads the last token of every row and chooses the next one of each. A prompt is read before its row joins, a
piece at a time where it is long, so that the others never wait long for their next token; short prompts are read beside
the pieces of a long one, so that they do not wait for it either.

Numbers of rows and tokens are rounded up to few sizes (models/sizes.py says why): a step has empty rows behind the
requests' own, and a prompt is read with padding behind it.

Shapes: B rows, T tokens, H hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import CacheLayerMixin

from medadapt.models.continuing import continued_hidden
from medadapt.models.loading import LoadedBase
from medadapt.models.sizes import rounded_up
from medadapt.models.vocabulary import vocabulary_logits
from medadapt.predictions.batching import right_padded
from medadapt.predictions.greedy import closed_up, padding_mask
from medadapt.predictions.growing_cache import MORE_ROOM, GrowingLayer, growing
from medadapt.serving.choosing import Chooser, can_choose, nothing_to_choose
from medadapt.serving.continuous_batching.requests import Request, Written

READ_AT_ONCE = 256
"""Tokens of a long prompt that are read between two steps; of short ones together as many."""
PADDING = 0
"""The token of empty places."""


@dataclass(slots=True, kw_only=True, eq=False)
class Row:
    """A request that is being answered."""

    request: Request
    chooser: Chooser | None
    """None where the likeliest token is taken as it is."""
    tokens: list[int]
    """The prompt, and what is written; the last one has not been read."""
    written: int = 0
    done: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class _Reading:
    """A long prompt of which a part has been read."""

    row: Row
    kept: DynamicCache


class Batch:
    """The requests to one model."""

    def __init__(self, model: LoadedBase) -> None:
        self._model = model
        self._waiting: list[Row] = []
        self._reading: _Reading | None = None
        self._joining: list[Row] = []
        """Rows whose prompts are being read to their ends, and which are in no other list meanwhile."""
        self._rows: list[Row] = []
        self._kept: DynamicCache | None = None

    def __len__(self) -> int:
        return len(self._rows) + len(self._waiting) + (self._reading is not None)

    def add(self, request: Request) -> None:
        """Answer this request, too."""
        self._waiting.append(new_row(request, self._model))

    def fail(self, problem: Exception) -> None:
        """Give up all requests."""
        rows = [*self._rows, *self._joining, *self._waiting, *([self._reading.row] if self._reading else [])]
        self._rows, self._joining, self._waiting, self._reading, self._kept = [], [], [], None, None
        _fail(rows, problem)

    @torch.no_grad()
    def advance(self) -> None:
        """Read some of the prompts that wait, and write a token of each row."""
        self._waiting = [row for row in self._waiting if not _is_cancelled(row)]
        if self._reading and _is_cancelled(self._reading.row):
            self._reading = None
        self._leave()
        if self._rows:
            self._step()
        self._read()

    def _step(self) -> None:
        assert self._kept is not None
        used = len(self._rows)
        empty = _rows_of_a_step(used) - used
        self._keep_rows(used + empty)
        device, width = self._model.device, self._kept.get_seq_length() + 1
        last_B1 = torch.tensor(
            [*([row.tokens[-1]] for row in self._rows), *[[PADDING]] * empty], device=device
        )
        lengths = [*(len(row.tokens) for row in self._rows), *[width] * empty]
        hidden_B1H = continued_hidden(
            self._model.model,
            last_B1,
            self._kept,
            positions_BT=torch.tensor([[length - 1] for length in lengths], device=device),
            mask=padding_mask([width - length for length in lengths], width, device),
        )
        self._keep_rows(used)
        write(self._rows, vocabulary_logits(self._model.model, hidden_B1H[:, 0])[:used])

    def _keep_rows(self, rows: int) -> None:
        """Have the cache hold so many rows; new ones at its end are empty."""
        assert self._kept is not None
        for layer in self._kept.layers:
            assert isinstance(layer, GrowingLayer)
            layer.hold(rows)

    def _read(self) -> None:
        """The next piece of a long prompt, and several short ones."""
        if self._reading is None and self._waiting and _is_long(self._waiting[0]):
            self._reading = _Reading(row=self._waiting.pop(0), kept=DynamicCache())
        if self._reading is not None:
            self._read_on(self._reading)
        self._read_whole()

    def _read_on(self, reading: _Reading) -> None:
        start = reading.kept.get_seq_length()
        piece = reading.row.tokens[start : start + READ_AT_ONCE]
        try:
            hidden_1TH = self._read_tokens([piece], reading.kept)
        except Exception as problem:  # such as no memory: the other rows have no part in it
            self._reading = None
            _fail([reading.row], problem)
            return
        if start + len(piece) == len(reading.row.tokens):
            self._reading, self._joining = None, [reading.row]
            self._join(hidden_1TH, reading.kept)

    def _read_whole(self) -> None:
        """As many of the short prompts that wait as are read in one pass."""
        longest = 0
        for row in [row for row in self._waiting if not _is_long(row)]:
            longest = max(longest, rounded_up(len(row.tokens)))
            if longest * (len(self._joining) + 1) > READ_AT_ONCE:
                break
            self._waiting.remove(row)
            self._joining.append(row)
        if not self._joining:
            return
        kept = DynamicCache()
        try:
            hidden_BTH = self._read_tokens([row.tokens for row in self._joining], kept)
        except Exception as problem:
            self._give_up_joining(problem)
            return
        self._join(hidden_BTH, kept)

    def _read_tokens(self, rows: Sequence[Sequence[int]], kept: DynamicCache) -> Tensor:
        """Hidden states (B, T, H) of tokens after those in `kept`, with padding behind them where there is room."""
        longest = max(map(len, rows))
        width = rounded_up(longest)
        if (
            self._model.context_length is not None
        ):  # an architecture that counts positions has no more of them
            width = max(longest, min(width, self._model.context_length - kept.get_seq_length()))
        tokens_BT = right_padded(rows, self._model.device, width=width)
        return continued_hidden(self._model.model, tokens_BT, kept)

    def _join(self, hidden_BTH: Tensor, kept: DynamicCache) -> None:
        """The joining rows, whose prompts have been read: their first token is written."""
        rows = self._joining
        lengths = [len(row.tokens) for row in rows]
        # Of a prompt that was read in pieces only the last one is here.
        before = kept.get_seq_length() - hidden_BTH.shape[1]
        ends = [length - before - 1 for length in lengths]
        hidden_BH = hidden_BTH[torch.arange(len(rows)), torch.tensor(ends)]
        try:
            added = self._added_to(kept, lengths)
        except (
            Exception
        ) as problem:  # such as no memory, before anything of the rows that are there was changed
            self._give_up_joining(problem)
            return
        for layer, new in added:
            assert new.keys is not None
            assert new.values is not None
            layer.join(new.keys, new.values, lengths)
        self._rows, self._joining = [*self._rows, *rows], []
        write(rows, vocabulary_logits(self._model.model, hidden_BH))

    def _added_to(
        self, kept: DynamicCache, lengths: Sequence[int]
    ) -> list[tuple[GrowingLayer, CacheLayerMixin]]:
        """Each layer, with room for the rows of `kept`, and what joins it; nothing where these rows are the first."""
        if self._kept is None:
            self._kept = growing(kept, lengths, MORE_ROOM)
            return []
        pairs = []
        for layer, new in zip(self._kept.layers, kept.layers, strict=True):
            assert isinstance(layer, GrowingLayer)
            layer.make_room(lengths)
            pairs.append((layer, new))
        return pairs

    def _give_up_joining(self, problem: Exception) -> None:
        failed, self._joining = self._joining, []
        _fail(failed, problem)

    def _leave(self) -> None:
        """Rows that are done give up their places."""
        staying = [place for place, row in enumerate(self._rows) if not row.done and not _is_cancelled(row)]
        if len(staying) == len(self._rows):
            return
        if not staying:
            self._rows, self._kept = [], None
            return
        assert self._kept is not None
        order = closed_up(staying)
        moved = [(place, target) for target, place in enumerate(order) if place != target]
        self._rows = [self._rows[place] for place in order]
        # The last token of each row has not been read.
        dropped = self._kept.get_seq_length() - max(len(row.tokens) - 1 for row in self._rows)
        for layer in self._kept.layers:
            assert isinstance(layer, GrowingLayer)
            layer.keep(len(order), moved, dropped)


def _rows_of_a_step(rows: int) -> int:
    """For how many rows a step is computed. One who asks alone does not wait for empty rows."""
    return rows if rows <= 2 else rounded_up(rows, least=4)


def new_row(request: Request, model: LoadedBase) -> Row:
    """A row that has its prompt and nothing else."""
    plain = request.sampling.temperature == 0 and request.sampling.repetition_penalty == 1
    return Row(
        request=request,
        chooser=None if plain else Chooser(request.sampling, model.device),
        tokens=list(request.prompt),
    )


def write(rows: Sequence[Row], logits_BV: Tensor) -> None:
    """The next token of each row, from the logits after its last one."""
    likeliest = logits_BV.float().argmax(-1).tolist()
    chooses = can_choose(logits_BV).tolist()
    for place, row in enumerate(rows):
        if not chooses[place]:  # the other rows have no part in it
            _fail([row], nothing_to_choose())
            continue
        token = likeliest[place]
        if row.chooser is not None:
            seen_1T = torch.tensor([row.tokens], device=logits_BV.device)
            try:
                token = int(row.chooser.next(seen_1T, logits_BV[place : place + 1]))
            except RuntimeError as problem:  # such as no memory
                _fail([row], problem)
                continue
        if token in row.request.closing_ids:
            row.done = True
            row.request.tell(Written(ended="finished"))
            continue
        row.tokens.append(token)
        row.written += 1
        row.done = row.written == row.request.max_new_tokens
        row.request.tell(Written(token=token, ended="length" if row.done else None))


def _fail(rows: Sequence[Row], problem: Exception) -> None:
    for row in rows:
        row.done = True
        row.request.tell(Written(failed=problem))


def _is_long(row: Row) -> bool:
    return len(row.tokens) > READ_AT_ONCE


def _is_cancelled(row: Row) -> bool:
    if row.request.cancelled and not row.done:
        row.done = True
        row.request.tell(Written(ended="cancelled"))
    return row.request.cancelled
