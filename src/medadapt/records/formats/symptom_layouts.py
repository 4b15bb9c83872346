"""The layouts of symptom tables: which column is the label, and which hold the symptoms, in which way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.records.formats.columns import Columns
from medadapt.records.rows import RawRow, columns_of

LABELS = ("Disease", "prognosis", "diagnosis", "label", "condition")
DESCRIPTIONS = ("description", "symptoms", "text", "question")
LISTED = re.compile(r"(symptoms?)([ _.-]*\d+)?", re.IGNORECASE)
UNNAMED = re.compile(r"Unnamed: \d+")
COPY = re.compile(r"\.\d+$")
WHOLE_NUMBER = re.compile(r"-?\d+(?:\.0+)?")
NUMBER_OR_DATE = re.compile(r"[-+]?[\d.,]+%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[ T][\d:.,Z+-]*)?")
PRESENT, ABSENT = frozenset({"1", "1.0", "true", "yes"}), frozenset({"", "0", "0.0", "false", "no"})
"""What marks say, in small letters."""
ENOUGH_MARKS = 0.95
"""A column counts as 0/1 where at least this share of its cells is; the other rows are dropped by name."""
MANY_WORDS = 4
"""Words of a cell from which on it describes something; names, ids and dates have fewer."""

Kind = Literal["listed", "marked", "described"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """Where a table keeps the label and the symptoms."""

    label: str
    kind: Kind
    columns: tuple[str, ...]
    """Cells with a symptom each, or 0/1 columns, or the one column with the description."""
    group: str | None = None
    left_out: tuple[str, ...] = ()
    """Other columns that are not empty, where nobody named the one with the question."""


def find_layout(rows: Sequence[RawRow], data: DataSection, *, file: str) -> TableLayout:
    """The layout of one file. Raises DataError that names the columns where it is not clear."""
    sound = [row for row in rows if row.fault is None] or [row for row in rows if row.missing]
    columns = Columns(columns_of(sound), data, file=file)
    identity, group = columns.find("id", ("id",)), columns.find("group")
    candidates = [
        name for name in columns.present if name not in (identity, group) and not _is_filler(name, sound)
    ]
    marks = {name for name in candidates if _is_marked(name, sound)}
    label = columns.find("label", LABELS)
    if label is None:
        others = [name for name in candidates if name not in marks]
        # Beside marks of 0 and 1, a column of words such as yes and no is the outcome.
        others = others or [name for name in candidates if not _holds_numbers(name, sound)]
        sole = len(others) == 1 and _holds_classes(others[0], sound)
        label = others[0] if sole else columns.need("label", LABELS)
    others = [name for name in candidates if name != label]
    found = _symptom_columns(others, marks, columns, sound)
    if found is None or label in found[1]:
        raise DataError(
            f"{file} has the label column '{label}' but no symptoms that can be told apart; its columns are "
            f"{columns.shown()}.",
            "columns Symptom_1, Symptom_2 ...; a column of 0/1, yes/no or true/false for each symptom; or one column "
            "with a description",
            "Name the description with data.columns: {question: <column>}, or rename the symptom columns.",
        )
    kind, used = found
    unused = [] if "question" in data.columns else [name for name in others if name not in used]
    left_out = tuple(name for name in unused if _is_filled(name, sound))
    return TableLayout(label=label, kind=kind, columns=used, group=group, left_out=left_out)


def mark(cell: Any) -> str:
    """A cell as a mark: its text without outer spaces, empty for null."""
    return "" if cell is None else str(cell).strip()


def _symptom_columns(
    names: Sequence[str], marks: set[str], columns: Columns, rows: Sequence[RawRow]
) -> tuple[Kind, tuple[str, ...]] | None:
    """How the symptoms are written, and in which columns; None where that cannot be told.

    `names` are the columns that may hold symptoms, `marks` those of all that are 0/1 or empty. Raises DataError
    where 0/1 columns and columns of sentences compete.
    """
    if (named := columns.find("question")) is not None:
        return "described", (named,)
    listed = _listed_columns(names)
    if not set(listed) <= marks:
        return "listed", listed
    marked = tuple(name for name in names if name in marks and _is_filled(name, rows))
    texts = [name for name in names if name not in marks]
    described = texts[0] if len(texts) == 1 and not marked else columns.find("question", DESCRIPTIONS)
    if described is not None and described in texts:
        return "described", (described,)
    if not marked:
        return None
    if sentences := [name for name in texts if _holds_sentences(name, rows)]:
        shown = " and ".join(f"'{name}'" for name in sentences[:2])
        raise DataError(
            f"{columns.file} has 0/1 columns as well as sentences in {shown}: either could be the symptoms.",
            "a 0/1 column for each symptom, or one column with a description",
            f"To ask with the description, name it: data.columns: {{question: {sentences[0]}}}. To ask with the 0/1 "
            "columns, take the sentences out of the file.",
        )
    return "marked", marked


def _listed_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Columns with a symptom each: `Symptom_1` ..., and a bare `Symptom` where numbered ones stand beside it."""
    found = {name: LISTED.fullmatch(name) or LISTED.fullmatch(COPY.sub("", name)) for name in names}
    numbered = {match[1].casefold() for match in found.values() if match and match[2]}
    return tuple(name for name, match in found.items() if match and match[1].casefold() in numbered)


def _is_filler(name: str, rows: Sequence[RawRow]) -> bool:
    """A column without a name that is empty or numbers the rows, as spreadsheets, pandas and R leave them."""
    if not UNNAMED.fullmatch(name):
        return False
    cells = _cells(name, rows)
    return len(set(cells)) == len(cells) and all(WHOLE_NUMBER.fullmatch(cell) for cell in cells)


def _holds_numbers(name: str, rows: Sequence[RawRow]) -> bool:
    return all(NUMBER_OR_DATE.fullmatch(cell) for cell in _cells(name, rows))


def _is_filled(name: str, rows: Sequence[RawRow]) -> bool:
    return any(mark(row.values.get(name)) for row in rows)


def _is_marked(name: str, rows: Sequence[RawRow]) -> bool:
    cells = [mark(row.values.get(name)).casefold() for row in rows]
    return sum(cell in PRESENT or cell in ABSENT for cell in cells) >= ENOUGH_MARKS * len(cells)


def _holds_classes(name: str, rows: Sequence[RawRow]) -> bool:
    """Whether the values repeat and are no numbers or dates: not an age, a day or an id."""
    cells = _cells(name, rows)
    return 2 * len(set(cells)) <= len(cells) and not all(NUMBER_OR_DATE.fullmatch(cell) for cell in cells)


def _holds_sentences(name: str, rows: Sequence[RawRow]) -> bool:
    cells = _cells(name, rows)
    return 2 * sum(len(cell.split()) >= MANY_WORDS for cell in cells) >= len(cells)


def _cells(name: str, rows: Sequence[RawRow]) -> list[str]:
    """The cells of a column that are not empty."""
    return [cell for row in rows if (cell := mark(row.values.get(name)))]
