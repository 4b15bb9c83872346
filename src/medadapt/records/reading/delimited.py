"""Comma-, semicolon- or tab-separated text -> rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from medadapt.core.errors import DataError
from medadapt.records.cleaning.texts import Repairs, sound_text
from medadapt.records.rows import FilePlace, RawRow

DELIMITERS = (",", "\t", ";", "|")
NAMED_DELIMITER = re.compile(r'"?sep=([,;\t|])"?[ \t]*\r?\n', re.IGNORECASE)
"""A first line by which programs tell Excel how to cut the file."""
BEGINNING, FIRST_RECORDS = 50_000, 5
"""Characters and records by which the delimiter is found."""
END = "\x00end of file"
"""A last line of our own. Where it ends up inside a cell, a quote was never closed."""
LARGEST_CELL = 2**31 - 1
MANY_UNCLOSED = 20
"""Quotes that are never closed, from which on a file is taken to have more of them."""
REACH = 200
"""Lines over which a cell of such a file may go on."""
IN_QUOTES = r'"(?:[^"]++|"")*+"'
"""A cell in quotes, in which two quotes are one."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A row as it was cut: the number of its first line, its cells, and what is wrong with it."""

    number: int
    cells: list[str]
    fault: str = ""


def read_delimited(text: str, place: FilePlace, *, tab: bool, repairs: Repairs) -> Iterator[RawRow]:
    """Rows of a delimited file whose first record names the columns, after a line such as `sep=;` where there is one.

    A row with too many or too few fields, a repeated header and a quote that is never closed become rows
    with a fault that names their line. Blank lines are no rows. The text must be free of NUL characters.
    Raises DataError for an empty file.
    """
    named = NAMED_DELIMITER.match(text)
    lines = _lines(text, named[1] if named else _delimiter(text, tab=tab))
    if named:
        next(lines)
    first = next(lines, None)
    if first is None:
        raise DataError(
            f"{place.name} is empty.",
            "a line of column names, then rows",
            "Correct data.source or fill the file.",
        )
    written = [cell.strip() for cell in first.cells]
    header = _column_names(written)
    for number, line in enumerate(lines, 1):
        line = replace(line, cells=[sound_text(cell, repairs) for cell in line.cells])
        if not line.fault and [cell.strip() for cell in line.cells] == written:
            line = replace(line, fault="the header once more")
        yield _row(place, number, line=line, header=header, repairs=repairs)


def _row(place: FilePlace, number: int, *, line: _Line, header: list[str], repairs: Repairs) -> RawRow:
    fault, num_fields = line.fault, len(line.cells)
    if not fault and num_fields > len(header):
        if any(cell.strip() for cell in line.cells[len(header) :]):
            fault = f"{num_fields} fields instead of {len(header)}"
        else:
            repairs["empty fields at the end of a row ignored"] += 1
    where, source_row = f"{place.name}:{line.number}", place.source_row(number)
    if fault:
        return RawRow(
            file=place.name, source_row=source_row, values={}, raw=line.cells, fault=f"{where}: {fault}"
        )
    missing = tuple(header[num_fields:])
    return RawRow(
        file=place.name,
        source_row=source_row,
        values=dict(zip(header, line.cells, strict=False)),
        fault=f"{where}: {num_fields} fields instead of {len(header)}" if missing else None,
        missing=missing,
    )


def _lines(text: str, delimiter: str) -> Iterator[_Line]:
    """Each row that is not blank.

    A cell in quotes may go on for any number of lines; in a file with many quotes that are never closed for
    `REACH`, because each of them would swallow all that is left.
    """
    csv.field_size_limit(LARGEST_CELL)  # the default of 131,072 characters is an error, not a protection
    lines = list(io.StringIO(text, newline=""))
    start, unclosed = 0, 0
    while start < len(lines):
        end = len(lines) if unclosed < MANY_UNCLOSED else min(start + REACH, len(lines))
        reader = csv.reader([*lines[start:end], END], delimiter=delimiter)
        first = start
        for cells in reader:
            after = start + reader.line_num
            if after > end or (after > first + 1 and _swallows_rows(lines[first:after], delimiter)):
                break
            if cells:
                yield _Line(first + 1, cells)
            first = after
        if first < end:
            # The quote opened in line `first` swallowed all up to the end, or up to where the next cell in
            # quotes opens: give up that line only.
            yield _Line(first + 1, [lines[first].rstrip("\r\n")], "a quote that is never closed")
            unclosed += 1
            first += 1
        start = first  # where the row that reached beyond the end is END itself, it is the end


def _swallows_rows(lines: list[str], delimiter: str) -> bool:
    """Whether a row of several lines is more than one: a cell of it ends with the quote that opens another cell.

    `1,"open` and, lines later, `7,"also open` would make one cell of all that stands between them. A quote that
    ends a cell inside a word, where it was meant as a character, is forgiven as ever.
    """
    try:
        list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        text, place, stop = "".join(lines), 0, re.escape(delimiter)
        sound = re.compile(rf'(?:{IN_QUOTES}|[^"{stop}\r\n][^{stop}\r\n]*+|)(?:{stop}|[\r\n]+)')
        while found := sound.match(text, place):
            place = found.end()
        cell = re.match(IN_QUOTES, text[place:])
        return cell is not None and cell[0][-2:-1] in (delimiter, "\r", "\n")
    return False


def _delimiter(text: str, *, tab: bool) -> str:
    """The delimiter that cuts the first records alike, of such the one with most fields; a comma where none cuts."""
    found: dict[str, tuple[float, int]] = {}
    for mark in DELIMITERS:
        reader = csv.reader(io.StringIO(text[:BEGINNING], newline=""), delimiter=mark)
        records = (cells for cells in reader if any(cell.strip() for cell in cells))
        first = list(islice(records, FIRST_RECORDS))
        if first and (number := len(first[0])) > 1:
            found[mark] = sum(_has_fields(cells, number) for cells in first) / len(first), number
    if tab and "\t" in found:
        return "\t"
    return max(found, key=lambda mark: found[mark], default=",")


def _has_fields(cells: list[str], number: int) -> bool:
    """Whether a record has so many fields; empty ones at its end are no more."""
    return len(cells) >= number and not any(cell.strip() for cell in cells[number:])


def _column_names(written: list[str]) -> list[str]:
    """The names; an empty one is called by its place, a repeated one gets a number, as pandas does."""
    names: dict[str, None] = {}
    for place, cell in enumerate(written):
        base = name = cell or f"Unnamed: {place}"
        copy = 0
        while name in names:
            copy += 1
            name = f"{base}.{copy}"
        names[name] = None
    return list(names)
