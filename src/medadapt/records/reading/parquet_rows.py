"""Parquet -> rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from medadapt.core.errors import DataError, first_line
from medadapt.records.cleaning.texts import Repairs, sound_value
from medadapt.records.reading.cells import plain_value
from medadapt.records.rows import FilePlace, RawRow

ROWS_AT_ONCE = 1024


def read_parquet(path: Path, place: FilePlace, *, repairs: Repairs) -> Iterator[RawRow]:
    """Rows of a Parquet file, decoded a thousand at a time. Raises DataError where it is damaged or empty."""
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
        number = 0
        for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
            for values in batch.to_pylist():
                number += 1
                cells = {name: _sound(cell, repairs) for name, cell in values.items()}
                yield RawRow(file=place.name, source_row=place.source_row(number), values=cells)


def _sound(cell: object, repairs: Repairs) -> object:
    if isinstance(cell, float) and cell != cell:
        return None  # how pandas writes an empty cell of a column of numbers: nothing to repair
    return sound_value(plain_value(cell, repairs), repairs)
