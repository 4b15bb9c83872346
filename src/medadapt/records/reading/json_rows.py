"""JSON (a list, objects keyed by id, or columns) and JSON lines -> rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from medadapt.core.errors import DataError
from medadapt.records.cleaning.texts import Repairs, sound_value
from medadapt.records.rows import FilePlace, RawRow

ID = "id"
DEEPEST = 50


class _RepeatedKeys(dict[str, Any]):
    """An object in which a key stands twice; `pairs` keeps every member."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def read_json(text: str, place: FilePlace, *, repairs: Repairs) -> Iterator[RawRow]:
    """Rows of a JSON document: a list of objects, objects keyed by id, columns, or lines with an object each.

    An entry that is no object becomes a row with a fault. Raises DataError where the file is no JSON.
    """
    if not text.strip():
        raise DataError(
            f"{place.name} is empty.", "a JSON list of objects", "Correct data.source or fill the file."
        )
    try:
        document = _parse(text)
    except json.JSONDecodeError as problem:
        if problem.msg.startswith("Extra data"):  # many published .json files are JSON lines
            yield from _read_lines(text, place, repairs=repairs)
            return
        raise _damaged(place, f"{place.name}:{problem.lineno}:{problem.colno}", problem.msg) from None
    except (ValueError, RecursionError) as problem:
        raise _damaged(place, place.name, str(problem)) from None
    entries: list[tuple[str | None, Any]]
    if isinstance(document, list):
        entries = [(None, entry) for entry in document]
    elif isinstance(document, dict) and (columns := _columns(document)) is not None:
        entries = [
            (None, dict(zip(columns, cells, strict=True))) for cells in zip(*columns.values(), strict=True)
        ]
    elif isinstance(document, dict) and _keyed_by_id(document):
        entries = list(getattr(document, "pairs", document.items()))
    else:
        entries = [(None, document)]
    for number, (key, entry) in enumerate(entries, 1):
        yield _row(
            place, number, key=key, entry=entry, where=f"{place.name}: entry {number}", repairs=repairs
        )


def read_json_lines(text: str, place: FilePlace, *, repairs: Repairs) -> Iterator[RawRow]:
    """Rows of a file with one JSON object a line; a line that is none becomes a row with a fault."""
    if text.lstrip().startswith("["):
        yield from read_json(text, place, repairs=repairs)
    else:
        yield from _read_lines(text, place, repairs=repairs)


def _read_lines(text: str, place: FilePlace, *, repairs: Repairs) -> Iterator[RawRow]:
    number = 0
    # Not splitlines: a text may hold other separators.
    for line_number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        number += 1
        where = f"{place.name}:{line_number}"
        try:
            entry = _parse(line)
        except (ValueError, RecursionError) as problem:
            shown = sound_value(line.strip(), repairs)
            yield _faulty(place, number, raw=shown, fault=f"{where}: no JSON ({problem})")
            continue
        yield _row(place, number, key=None, entry=entry, where=where, repairs=repairs)
    if number == 0:
        raise DataError(
            f"{place.name} is empty.", "one JSON object a line", "Correct data.source or fill the file."
        )


def _parse(text: str) -> Any:
    # strict=False: raw tabs and newlines inside a text are a common fault, and their meaning is clear.
    value = json.loads(text, object_pairs_hook=_object, strict=False)
    if _is_deep(value):
        raise ValueError(f"nested more than {DEEPEST} levels")
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [part for held in level if isinstance(held, dict | list) for part in _parts(held)]
        if not level:
            return False
    return True


def _parts(held: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return held.values() if isinstance(held, dict) else held


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _RepeatedKeys(pairs)


def _columns(document: dict[str, Any]) -> dict[str, list[Any]] | None:
    """The cells of each column, where a document holds two columns or more; None elsewhere.

    They are lists of one length or, as pandas writes them, objects whose keys are the numbers of the rows.
    """
    if isinstance(document, _RepeatedKeys) or len(document) < 2:
        return None
    held = list(document.values())
    if all(isinstance(cells, list) for cells in held) and len({len(cells) for cells in held}) == 1:
        return document
    if not all(type(cells) is dict for cells in held) or any(list(cells) != list(held[0]) for cells in held):
        return None
    if not held[0] or not all(key.isdecimal() for key in held[0]):
        return None
    return {name: list(cells.values()) for name, cells in document.items()}


def _keyed_by_id(document: dict[str, Any]) -> bool:
    return 2 * sum(isinstance(entry, dict) for entry in document.values()) > len(document)


def _row(
    place: FilePlace, number: int, *, key: str | None, entry: Any, where: str, repairs: Repairs
) -> RawRow:
    shown = sound_value(entry, repairs)
    if not isinstance(entry, dict):
        return _faulty(place, number, raw=shown, fault=f"{where}: no object")
    if isinstance(entry, _RepeatedKeys):
        names = [name for name, _ in entry.pairs]
        twice = next(name for name in names if names.count(name) > 1)
        return _faulty(place, number, raw=shown, fault=f"{where}: the key '{twice}' stands twice")
    if key is not None and ID not in shown:
        shown = {ID: sound_value(key, repairs), **shown}
    return RawRow(file=place.name, source_row=place.source_row(number), values=shown)


def _faulty(place: FilePlace, number: int, *, raw: Any, fault: str) -> RawRow:
    # A bare null would read as "no raw form kept".
    shown = "null" if raw is None else raw
    return RawRow(file=place.name, source_row=place.source_row(number), values={}, raw=shown, fault=fault)


def _damaged(place: FilePlace, where: str, problem: str) -> DataError:
    return DataError(
        f"{where}: {place.name} is no JSON: {problem}.",
        "a JSON list of objects, objects keyed by id, or one object a line",
        "Correct the file at this place; it may have been cut off in a download.",
    )
