"""Source files -> rows, whatever their layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from medadapt.core.errors import DataError
from medadapt.core.progress import Progress
from medadapt.records.cleaning.texts import Repairs, without_nul
from medadapt.records.reading.delimited import read_delimited
from medadapt.records.reading.encodings import decode
from medadapt.records.reading.json_rows import read_json, read_json_lines
from medadapt.records.reading.parquet_rows import read_parquet
from medadapt.records.reading.sources import PARQUET, SourceFile
from medadapt.records.reading.xml_rows import read_xml
from medadapt.records.rows import FilePlace, RawRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All rows of a source, in the order of files and lines."""

    rows: list[RawRow]
    encodings: dict[str, str]
    """File name -> encoding found; Parquet has types instead of one."""
    read_as_cp1252: dict[str, list[str]]
    """File name -> some words with bytes that are no UTF-8, as they were read; such files only."""


def read_rows(files: Sequence[SourceFile], *, repairs: Repairs, progress: Progress) -> Reading:
    """Rows of all files. Raises DataError for a file that cannot be read at all."""
    rows: list[RawRow] = []
    encodings: dict[str, str] = {}
    read_as_cp1252: dict[str, list[str]] = {}
    progress.start("Reading", len(files))
    for file in files:
        place = FilePlace(name=file.name, several=len(files) > 1)
        suffix = file.path.suffix.lower()
        if suffix == PARQUET:
            rows.extend(read_parquet(file.path, place, repairs=repairs))
            encodings[file.name] = "parquet"
        else:
            decoded = decode(content_of(file), file.name)
            if decoded.odd_bytes:
                repairs["bytes read as cp1252"] += decoded.odd_bytes
                read_as_cp1252[file.name] = list(decoded.words)
            text = without_nul(decoded.text, repairs)
            rows.extend(_read(text, place, suffix=suffix, repairs=repairs))
            encodings[file.name] = decoded.encoding
        progress.advance()
    progress.finish()
    return Reading(rows=rows, encodings=encodings, read_as_cp1252=read_as_cp1252)


def content_of(file: SourceFile) -> bytes:
    """The bytes of a file. Raises DataError where it cannot be read."""
    try:
        return file.path.read_bytes()
    except OSError as problem:
        raise DataError(
            f"{file.path} cannot be read: {problem.strerror}.",
            "a readable file",
            "Check its permissions, or correct data.source.",
        ) from problem


def _read(text: str, place: FilePlace, *, suffix: str, repairs: Repairs) -> Iterator[RawRow]:
    match suffix:
        case ".json":
            return read_json(text, place, repairs=repairs)
        case ".jsonl" | ".ndjson":
            return read_json_lines(text, place, repairs=repairs)
        case ".xml":
            return read_xml(text, place, repairs=repairs)
        case _:
            return read_delimited(text, place, tab=suffix == ".tsv", repairs=repairs)
