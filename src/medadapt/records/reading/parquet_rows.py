"""Parquet -> rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from medadapt.core.errors import DataError, first_line
from medadapt.records.cleaning.texts import Repairs, sound_value
from medadapt.records.reading.cells import plain_value
from medadapt.records.rows import FilePlace, RawRow

ROWS_AT_ONCE = 1024


def read_parquet(path: Path, place: FilePlace, *, repairs: Repairs) -> Iterator[RawRow]:
    """Rows of a Parquet file, decoded a thousand at a time. Raises DataError where it is damaged or empty.

    Classes that the datasets library keeps as numbers have their names.
    """
    import pyarrow

    try:
        yield from _rows(path, place, repairs)
    except (pyarrow.ArrowException, OSError) as problem:
        raise DataError(
            f"{place.name} cannot be read as Parquet: {first_line(problem)}.",
            "a whole Parquet file",
            "Fetch the file again; it may have been cut off in a download.",
        ) from problem


def _rows(path: Path, place: FilePlace, repairs: Repairs) -> Iterator[RawRow]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        names = [str(name) for name in file.schema_arrow.names]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DataError(
                f"{place.name} has two columns called '{twice}'.",
                "columns with different names",
                "Rename one of them.",
            )
        classes = _class_names(file.schema_arrow.metadata or {})
        number = 0
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            for values in batch.to_pylist():
                number += 1
                named = {name: _class_name(cell, classes.get(name, [])) for name, cell in values.items()}
                cells = {name: _sound(cell, repairs) for name, cell in named.items()}
                yield RawRow(file=place.name, source_row=place.source_row(number), values=cells)


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Column -> the names of its classes, as the datasets library writes them beside the columns.

    Names of one character, as an exam's A to D, are left alone: they say no more than the number, by which
    `data.answer_base` counts.
    """
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        named = {
            column: [str(name) for name in feature["names"]]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):  # written by another program, or by none
        return {}
    return {column: names for column, names in named.items() if any(len(name) > 1 for name in names)}


def _class_name(cell: Any, names: list[str]) -> Any:
    """The name of a class; null for -1, which stands for none."""
    if not names or not isinstance(cell, int) or cell >= len(names):
        return cell
    return names[cell] if cell >= 0 else None


def _sound(cell: object, repairs: Repairs) -> object:
    if isinstance(cell, float) and cell != cell:
        return None  # how pandas writes an empty cell of a column of numbers: nothing to repair
    return sound_value(plain_value(cell, repairs), repairs)
