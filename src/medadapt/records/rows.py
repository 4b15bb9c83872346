"""What passes between the readers and the formats: rows as read, and drafts of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from medadapt.core.errors import DataError
from medadapt.core.records import DroppedRow, DropReason, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """A source file's name, and whether row numbers need it to be unique."""

    name: str
    several: bool = False

    def source_row(self, number: int) -> int | str:
        """The row's number from 1, or `file:number` where there are several files."""
        return f"{self.name}:{number}" if self.several else number


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRow:
    """One row of a source, as read."""

    file: str
    source_row: int | str
    values: dict[str, Any]
    """Column or key -> cell; empty for a row that could not be read."""
    id: str = ""
    """Filled in by `with_ids`, once all rows are known."""
    raw: Any = None
    """What to show of a row that could not be read."""
    fault: str | None = None
    """Why the row could not be read."""
    missing: tuple[str, ...] = ()
    """Last columns that a delimited row lacks; then `fault` is set, and a format may forgive it."""

    def dropped(self, reason: DropReason, detail: str) -> DroppedRow:
        """The ledger line of this row."""
        return DroppedRow(
            id=self.id,
            source_row=self.source_row,
            reason=reason,
            detail=detail,
            row=self.values if self.raw is None else self.raw,
        )


class RowError(Exception):
    """A row becomes no record: the reason and the detail of its line in dropped.jsonl."""

    def __init__(self, reason: DropReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record whose group is still open, with the row it came from."""

    record: Record
    row: RawRow


@dataclass(slots=True, kw_only=True)
class Parsed:
    """What a format makes of all rows: drafts in source order, dropped rows, and facts for data.json."""

    drafts: list[Draft] = field(default_factory=list)
    dropped: list[DroppedRow] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def take(self, rows: Iterable[RawRow], parse: Callable[[RawRow], Record]) -> None:
        """Sort rows into drafts and dropped rows; `parse` raises RowError for a row that is no record."""
        for row in rows:
            try:
                if row.fault is not None:
                    raise RowError("unparsed_row", row.fault)
                self.drafts.append(Draft(record=parse(row), row=row))
            except RowError as fault:
                self.dropped.append(row.dropped(fault.reason, fault.detail))


def with_ids(
    rows: Sequence[RawRow], column: str | None, splits: Mapping[str, str] | None = None
) -> list[RawRow]:
    """Rows with stable, unique ids: the source's own where every sound row has one, else its place.

    `column` is the id column the user named; otherwise `id`, in any case, is tried. `splits` maps files to
    ready-made splits: where their ids are not unique together, they begin with the split. Raises DataError
    where a named column does not tell the sound rows apart. One that is nowhere is left to the format, which
    knows the columns.
    """
    wanted = (column or "id").strip().lower()
    own = [_own_id(row, wanted) for row in rows]
    if splits and len(set(own)) < len(own):
        own = [f"{splits[row.file]}-{text}" if text else "" for row, text in zip(rows, own, strict=True)]
    if column is not None and any(_has(row, wanted) for row in rows):
        _check_named_ids(rows, own, column)
    sound = [identity for row, identity in zip(rows, own, strict=True) if row.fault is None]
    usable = bool(sound) and all(sound) and len(set(sound)) == len(sound)
    return [
        replace(row, id=identity if usable and row.fault is None else _place_id(row))
        for row, identity in zip(rows, own, strict=True)
    ]


def _check_named_ids(rows: Sequence[RawRow], own: Sequence[str], column: str) -> None:
    first: dict[str, RawRow] = {}
    for row, identity in zip(rows, own, strict=True):
        if row.fault is not None:
            continue
        if not identity or first.setdefault(identity, row) is not row:
            problem = (
                f"'{identity[:60]}' stands in row {first[identity].source_row} and in row {row.source_row}"
                if identity
                else f"row {row.source_row} has no text or whole number there"
            )
            raise DataError(
                f"data.columns.id: '{column}' cannot name the rows: {problem}.",
                "a different id in every row",
                "Correct these cells, or remove data.columns.id: rows are then named by their place.",
            )


def _has(row: RawRow, wanted: str) -> bool:
    return any(name.strip().lower() == wanted for name in row.values)


def _own_id(row: RawRow, wanted: str) -> str:
    for name, value in row.values.items():
        if name.strip().lower() == wanted:
            return str(value).strip() if isinstance(value, str | int) else ""
    return ""


def _place_id(row: RawRow) -> str:
    return f"row-{row.source_row}" if isinstance(row.source_row, int) else row.source_row


def no_sound_row(row: RawRow) -> NoReturn:
    """Stands in for parsing where a file has no row that could be read; to be called is a bug."""
    raise AssertionError(f"{row.source_row}: a row without a fault in a file of faults")


def by_file(rows: Iterable[RawRow]) -> dict[str, list[RawRow]]:
    """Rows of each file, in source order."""
    files: dict[str, list[RawRow]] = {}
    for row in rows:
        files.setdefault(row.file, []).append(row)
    return files


def columns_of(rows: Iterable[RawRow]) -> list[str]:
    """All column names that occur in sound rows, in the order of their first appearance."""
    return list(
        dict.fromkeys(name for row in rows if row.fault is None or row.missing for name in row.values)
    )
