"""Reads one of our own JSON documents and holds it against what its reader needs of it.

A file may have been edited, cut, or written by another version. What is not as it was written is told with the file
and what it lacks, instead of ending where the value is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.files import read_json

Kind = type | tuple[type, ...]
Keys = Mapping[str, Kind]
"""Key -> the type of its value, or several; `a.b` is the key `b` of the object `a`."""

NUMBER: Kind = (int, float)
NUMBER_OR_NULL: Kind = (int, float, NoneType)
TEXT_OR_NULL: Kind = (str, NoneType)
ANYTHING: Kind = object
REMEDY = "Delete the file and run the stage again."
LONGEST = 60
"""Characters of a wrong value in a message."""

_WORDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
}


def read_object(path: Path, keys: Keys | None = None, *, remedy: str = REMEDY) -> dict[str, Any]:
    """A JSON document that is an object with at least these keys, each of its type.

    Raises DataError, with the file, what is wrong and `remedy`, where it is missing, damaged or another object.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing.", "the file as it was written", remedy)
    try:
        value = read_json(path)
    except DataError as problem:
        raise DataError(problem.problem, problem.expected, remedy) from problem
    if fault := lacking(value, keys or {}):
        raise bad_document(path, fault, remedy)
    found: dict[str, Any] = value
    return found


def bad_document(path: Path, fault: str, remedy: str) -> DataError:
    """The error of a document that is JSON, but not what was written there."""
    return DataError(
        f"{path} cannot be used: {fault}.", "the file as it was written, with all its keys", remedy
    )


def lacking(value: Any, keys: Keys) -> str | None:
    """What a value lacks of an object with these keys, in words; None where it has them all."""
    if not isinstance(value, dict):
        return f"it holds {short(value)} instead of a JSON object"
    for key, kind in keys.items():
        found: Any = value
        for part in key.split("."):
            if not isinstance(found, dict) or part not in found:
                return f"it lacks `{key}`"
            found = found[part]
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(found, kinds) or (isinstance(found, bool) and not {bool, object} & {*kinds}):
            return f"`{key}` is {short(found)}, not {' or '.join(dict.fromkeys(map(_in_words, kinds)))}"
    return None


def short(value: Any) -> str:
    """A wrong value for a message."""
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _in_words(kind: type) -> str:
    return _WORDS.get(kind, kind.__name__)
