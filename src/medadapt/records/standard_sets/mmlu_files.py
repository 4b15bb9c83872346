"""The files of MMLU: one a subset, with or without a line of column names, or all in one."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from medadapt.core.errors import DataError
from medadapt.core.progress import Progress
from medadapt.core.records import LETTERS
from medadapt.core.standard_sets import MMLU_SUBSETS
from medadapt.records.cleaning.texts import Repairs, sound_text
from medadapt.records.formats.choice_layouts import OPTION_COLUMNS
from medadapt.records.reading.encodings import decode
from medadapt.records.reading.readers import content_of, read_rows
from medadapt.records.reading.sources import SourceFile
from medadapt.records.rows import FilePlace, RawRow
from medadapt.records.standard_sets.layouts import NUM_OPTIONS, SUBSET

OTHER_SPLITS = ("dev", "val", "validation", "train", "auxiliary")
SUBJECT = "subject"


def read_mmlu_rows(
    files: Sequence[SourceFile], source: str, *, repairs: Repairs, progress: Progress
) -> tuple[list[SourceFile], list[RawRow]]:
    """The files that hold test rows of the six subsets, and their rows with the subset in `subset`.

    A file belongs to the subset that its name or its folder's name begins with (`anatomy_test.csv`,
    `anatomy/test.parquet`); rows of any other file name theirs in a column `subject`. Files of other splits
    and subjects are left alone. Raises DataError where no file is left.
    """
    chosen = [(file, _subset(file.name)) for file in files if not _is_other_split(file.name)]
    by_name = [(file, subset) for file, subset in chosen if subset is not None]
    asked: list[tuple[SourceFile, str | None]] = [*by_name] if by_name else [*chosen]
    rows: list[RawRow] = []
    for file, subset in asked:
        bare = _rows_without_header(file, several=len(asked) > 1, repairs=repairs)
        found = (
            bare
            if bare is not None
            else _read(file, several=len(asked) > 1, repairs=repairs, progress=progress)
        )
        rows += [_with_subset(row, subset) for row in found]
    if not rows:
        raise DataError(
            f"{source} holds no file of the medical subsets of MMLU.",
            f"files named after {', '.join(MMLU_SUBSETS)}, or rows with a column subject",
            "Name the folder with the test files, for example --on mmlu-medical=data/test.",
        )
    return [file for file, _ in asked], rows


def _read(file: SourceFile, *, several: bool, repairs: Repairs, progress: Progress) -> list[RawRow]:
    rows = read_rows([file], repairs=repairs, progress=progress).rows
    if not several:
        return rows
    place = FilePlace(name=file.name, several=True)
    return [replace(row, source_row=place.source_row(number)) for number, row in enumerate(rows, 1)]


def _subset(name: str) -> str | None:
    """The subset that a file's own name, or one of its folders', begins with."""
    for part in reversed(PurePosixPath(name.lower()).parts):
        plain = part.replace("-", "_").replace(" ", "_")
        if found := next((subset for subset in MMLU_SUBSETS if plain.startswith(subset)), None):
            return found
    return None


def _is_other_split(name: str) -> bool:
    stem = PurePosixPath(name.lower()).stem.replace("-", "_")
    words = stem.split("_")
    return words[0] in OTHER_SPLITS or words[-1] in OTHER_SPLITS


def _with_subset(row: RawRow, subset: str | None) -> RawRow:
    if row.fault is not None:
        return row
    named = subset or str(row.values.get(SUBJECT) or "").strip().lower().replace(" ", "_")
    return replace(row, values={**row.values, SUBSET: named})


def _rows_without_header(file: SourceFile, *, several: bool, repairs: Repairs) -> list[RawRow] | None:
    """Rows of an original file: question, four options and the letter, no column names. None for another."""
    if file.path.suffix.lower() != ".csv":
        return None
    text = decode(content_of(file), file.name).text
    lines = [cells for cells in csv.reader(io.StringIO(text, newline="")) if cells]
    if not lines or len(lines[0]) != NUM_OPTIONS + 2 or lines[0][-1].strip() not in LETTERS[:NUM_OPTIONS]:
        return None
    place = FilePlace(name=file.name, several=several)
    names = ("question", *OPTION_COLUMNS[:NUM_OPTIONS], "answer")
    rows = []
    for number, cells in enumerate(lines, 1):
        whole = len(cells) == len(names)
        sound = [sound_text(cell, repairs) for cell in cells]
        rows.append(
            RawRow(
                file=file.name,
                source_row=place.source_row(number),
                values=dict(zip(names, sound, strict=True)) if whole else {},
                raw=None if whole else sound,
                fault=None if whole else f"{len(cells)} fields instead of {len(names)}",
            )
        )
    return rows
