"""Holds a line of a records file against what a record is, before anything is made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from medadapt.core.documents import short
from medadapt.core.errors import DataError
from medadapt.core.shell_command import command

NEEDED = ("id", "source_row", "group", "question", "answer")
"""Fields that no record is without."""


def checked_record(row: Any, *, path: Path, line: int) -> dict[str, Any]:
    """The values of one line by field; keys of a later version are passed over. Raises DataError with file and line."""
    if not isinstance(row, dict):
        raise _bad_record(path, line, f"it holds {short(row)} instead of a JSON object")
    if missing := next((name for name in NEEDED if name not in row), None):
        raise _bad_record(path, line, f"it lacks `{missing}`")
    for name, (fits, kind) in FIELDS.items():
        if name in row and not fits(row[name]):
            raise _bad_record(path, line, f"`{name}` is {short(row[name])}, not {kind}")
    options, index = row.get("options"), row.get("answer_index")
    if options is not None and index is not None and index >= len(options):
        raise _bad_record(path, line, f"`answer_index` is {index}, and there are {len(options)} options")
    return {name: row[name] for name in FIELDS if name in row}


def missing_records(path: Path) -> DataError:
    """The error of a records file that is not there."""
    return DataError(f"{path} is missing.", "a run folder in which prepare is done", _remedy(path))


def _bad_record(path: Path, line: int, fault: str) -> DataError:
    return DataError(
        f"{path}:{line} is no record that can be used: {fault}.",
        "the records as `medadapt prepare` wrote them",
        _remedy(path),
    )


def _remedy(path: Path) -> str:
    return f"Run `{command('prepare', path.parent.parent)}`: it makes records anew that were changed."


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_turns(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(turn, dict) and all(_is_text(turn.get(key)) for key in ("role", "content"))
        for turn in value
    )


def _or_null(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or fits(value)


_TEXT = (_is_text, "a text")
_TEXT_OR_NULL = (_or_null(_is_text), "a text or null")

FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "id": _TEXT,
    "source_row": (lambda value: _is_text(value) or _is_count(value), "a text or a whole number"),
    "group": _TEXT,
    "question": _TEXT,
    "answer": _TEXT,
    "history": (_is_turns, "a list of objects with role and content"),
    "context": _TEXT_OR_NULL,
    "label": _TEXT_OR_NULL,
    "options": (
        _or_null(lambda value: isinstance(value, list) and all(map(_is_text, value))),
        "a list of texts or null",
    ),
    "answer_index": (_or_null(_is_count), "a whole number from 0 on, or null"),
    "explanation": _TEXT_OR_NULL,
    "qtype": _TEXT_OR_NULL,
    "subject": _TEXT_OR_NULL,
    "topic": _TEXT_OR_NULL,
    "meta": (lambda value: isinstance(value, dict), "an object"),
}
"""Field -> what its value must be, and that in words."""
