"""Requests to a model that cannot write on rows of unequal length: each has a pass of its own, in turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from medadapt.models.loading import LoadedBase
from medadapt.serving.continuous_batching.requests import Request, Written
from medadapt.serving.writing import continued


@dataclass(slots=True, kw_only=True, eq=False)
class _Row:
    request: Request
    tokens: Iterator[int]
    written: int = 0


class Turns:
    """The requests to one model, like `batch.Batch`."""

    def __init__(self, model: LoadedBase) -> None:
        self._model = model
        self._rows: list[_Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, request: Request) -> None:
        """Answer this request, too."""
        tokens = continued(
            self._model,
            request.prompt,
            sampling=request.sampling,
            max_new_tokens=request.max_new_tokens,
            closing_ids=request.closing_ids,
        )
        self._rows.append(_Row(request=request, tokens=tokens))

    def fail(self, problem: Exception) -> None:
        """Give up all requests."""
        rows, self._rows = self._rows, []
        for row in rows:
            row.request.tell(Written(failed=problem))

    def advance(self) -> None:
        """Write a token of each row."""
        self._rows = [row for row in self._rows if _goes_on(row)]


def _goes_on(row: _Row) -> bool:
    if row.request.cancelled:
        row.request.tell(Written(ended="cancelled"))
        return False
    try:
        token = next(row.tokens, None)
    except Exception as problem:  # the other rows have no part in this one's pass
        row.request.tell(Written(failed=problem))
        return False
    if token is None:
        row.request.tell(Written(ended="finished"))
        return False
    row.written += 1
    full = row.written == row.request.max_new_tokens
    row.request.tell(Written(token=token, ended="length" if full else None))
    return not full
