"""Cells in which a program wrote down that they hold nothing: `nan`, `null`, `#N/A`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from medadapt.records.cleaning.texts import Repairs, answer_form
from medadapt.records.rows import RawRow

NOTHING = frozenset(
    {"nan", "null", "<na>", "#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!"}
)
"""What pandas and databases write for an empty cell, and spreadsheets for a formula that failed. `None`, `NA` and `NaT`
are not among them: `none`, `NA` and `NAT` may be answers."""
LONGEST = 16
"""Characters of such a cell, spaces around it included."""


def emptied(rows: Sequence[RawRow], repairs: Repairs, *, kept: Iterable[str] = ()) -> list[RawRow]:
    """Rows in which cells, and entries of lists and objects, that say nothing, in any case, are null.

    `kept` are texts that mean something here: the spellings that `data.aliases` explains. What a row was read as
    stays, for dropped.jsonl.
    """
    words = NOTHING - {answer_form(text) for text in kept}
    return [_emptied_row(row, words, repairs) for row in rows]


def _emptied_row(row: RawRow, words: frozenset[str], repairs: Repairs) -> RawRow:
    values, count = dict(row.values), 0
    for name, cell in row.values.items():
        if found := _count(cell, words):
            values[name], count = _emptied(cell, words), count + found
    if not count:
        return row
    repairs["cells that say nothing made empty"] += count
    return replace(row, values=values, raw=row.values if row.raw is None else row.raw)


def _count(cell: Any, words: frozenset[str]) -> int:
    """How many such words a cell is or holds."""
    if isinstance(cell, dict):
        return sum(_is_word(part, words) for part in cell.values())
    if isinstance(cell, list):
        return sum(_is_word(part, words) for part in cell)
    return int(_is_word(cell, words))


def _emptied(cell: Any, words: frozenset[str]) -> Any:
    if isinstance(cell, dict):
        return {key: None if _is_word(part, words) else part for key, part in cell.items()}
    if isinstance(cell, list):
        return [None if _is_word(part, words) else part for part in cell]
    return None


def _is_word(part: Any, words: frozenset[str]) -> bool:
    return isinstance(part, str) and len(part) <= LONGEST and part.strip().casefold() in words
