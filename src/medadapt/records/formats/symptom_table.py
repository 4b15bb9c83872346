"""Symptom tables -> drafts: a diagnosis for a list of symptoms, a row of 0/1 marks, or a description."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.core.records import Record
from medadapt.records.cleaning.texts import Repairs, clean_question, one_line, text_of
from medadapt.records.formats.aliases import Aliases
from medadapt.records.formats.columns import Columns
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, columns_of, no_sound_row

LABELS = ("Disease", "prognosis", "diagnosis", "label", "condition")
DESCRIPTIONS = ("description", "symptoms", "text", "question")
LISTED = re.compile(r"symptoms?[ _.-]*\d+", re.IGNORECASE)
UNNAMED = re.compile(r"Unnamed: \d+")
COPY = re.compile(r"\.\d+$")
PRESENT, ABSENT = frozenset({"1", "1.0", "true", "True"}), frozenset({"", "0", "0.0", "false", "False"})
NO_SYMPTOM = frozenset({"", "nan", "null", "none"})
ENOUGH_MARKS = 0.95
"""A column counts as 0/1 where at least this share of its cells is; the other rows are dropped by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableLayout:
    """Where a table keeps the label and the symptoms."""

    label: str
    kind: Literal["listed", "marked", "described"]
    columns: tuple[str, ...]
    """Cells with a symptom each, or 0/1 columns, or the one column with the description."""
    group: str | None = None


def parse_symptom_table(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    """Drafts of a symptom table: `question` lists the symptoms, `label` and `answer` are the diagnosis.

    Three layouts are told apart for each file: columns Symptom_1..n, one 0/1 column a symptom, and a
    free-text description. Labels are trimmed, never respelled. Raises DataError for any other file.
    """
    aliases = Aliases(data.aliases, repairs)
    parsed = Parsed()
    for file, file_rows in by_file(rows).items():
        if all(row.fault is not None and not row.missing for row in file_rows):
            parsed.take(file_rows, no_sound_row)
            continue
        layout = find_layout(file_rows, data, file=file)
        forgiven = [_forgive(row, layout) for row in file_rows]
        parsed.take(forgiven, partial(_record, layout=layout, read=_reader(layout, repairs), aliases=aliases))
    return parsed


def find_layout(rows: Sequence[RawRow], data: DataSection, *, file: str) -> TableLayout:
    """The layout of one file. Raises DataError that names the columns where it is not clear."""
    sound = [row for row in rows if row.fault is None] or [row for row in rows if row.missing]
    columns = Columns(columns_of(sound), data, file=file)
    identity, group = columns.find("id", ("id",)), columns.find("group")
    candidates = [
        name for name in columns.present if name not in (identity, group) and not _is_filler(name, sound)
    ]
    filled = [name for name in candidates if any(_mark(row.values.get(name)) for row in sound)]
    marks = {name for name in filled if _is_marked(name, sound)}
    label = columns.find("label", LABELS)
    if label is None:
        others = [name for name in filled if name not in marks]
        label = others[0] if len(others) == 1 else columns.need("label", LABELS)
    symptoms = [name for name in filled if name != label]
    texts = [name for name in symptoms if name not in marks]
    listed = tuple(name for name in candidates if LISTED.fullmatch(name) and name != label)
    described = columns.find("question") or (
        texts[0] if len(texts) == 1 else columns.find("question", DESCRIPTIONS)
    )
    if "question" not in data.columns and listed:
        return TableLayout(label=label, kind="listed", columns=listed, group=group)
    if "question" not in data.columns and symptoms and not texts:
        return TableLayout(label=label, kind="marked", columns=tuple(symptoms), group=group)
    if described is not None and described != label:
        return TableLayout(label=label, kind="described", columns=(described,), group=group)
    raise DataError(
        f"{file} has the label column '{label}' but no symptoms that can be told apart; its columns are "
        f"{columns.shown()}.",
        "columns Symptom_1, Symptom_2 ...; a 0/1 column for each symptom; or one column with a description",
        "Name the description with data.columns: {question: <column>}, or rename the symptom columns.",
    )


def symptom_name(cell: str) -> str:
    """A symptom as words: underscores and stray spaces, outside and inside, made single spaces."""
    return one_line(cell.replace("_", " "))


def _is_filler(name: str, rows: Sequence[RawRow]) -> bool:
    """A column without a name that is empty or counts the rows, as spreadsheets and pandas leave them."""
    if not UNNAMED.fullmatch(name):
        return False
    cells = [str(row.values.get(name) or "").strip() for row in rows]
    return not any(cells) or cells == [str(n) for n in range(len(cells))]


def _is_marked(name: str, rows: Sequence[RawRow]) -> bool:
    cells = [_mark(row.values.get(name)) for row in rows]
    return sum(cell in PRESENT or cell in ABSENT for cell in cells) >= ENOUGH_MARKS * len(cells)


def _mark(cell: Any) -> str:
    return "" if cell is None else str(cell).strip()


def _forgive(row: RawRow, layout: TableLayout) -> RawRow:
    """A short row is sound where it only lacks symptoms that no cell was written for."""
    if row.missing and layout.kind == "listed" and set(row.missing) <= set(layout.columns):
        return replace(row, fault=None, missing=())
    return row


SymptomReader = Callable[[RawRow], tuple[str, list[str]]]
"""Row -> question text, and the symptoms where they are told apart."""


def _reader(layout: TableLayout, repairs: Repairs) -> SymptomReader:
    match layout.kind:
        case "listed":
            return partial(_listed, columns=layout.columns, repairs=repairs)
        case "marked":
            return partial(_marked, names=_marked_names(layout.columns, repairs))
        case "described":
            return partial(_described, column=layout.columns[0], repairs=repairs)


def _listed(row: RawRow, *, columns: Sequence[str], repairs: Repairs) -> tuple[str, list[str]]:
    symptoms: list[str] = []
    for column in columns:
        cell = row.values.get(column)
        name = symptom_name(text_of(cell, column))
        if name.casefold() in NO_SYMPTOM:
            continue
        if name != cell:
            repairs["symptom names cleaned"] += 1
        symptoms.append(name)
    distinct = list(dict.fromkeys(symptoms))
    if len(distinct) < len(symptoms):
        repairs["symptoms named twice in a row joined"] += 1
    return "; ".join(distinct), distinct


def _marked_names(columns: Sequence[str], repairs: Repairs) -> dict[str, str]:
    """Column -> symptom; `x.1` is `x` again, and so are names that differ in underscores or spaces."""
    names = {}
    for column in columns:
        base = COPY.sub("", column)
        names[column] = symptom_name(base if base in columns else column)
    repairs["symptom columns joined"] += len(columns) - len(set(names.values()))
    repairs["symptom names cleaned"] += sum(name != column for column, name in names.items())
    return names


def _marked(row: RawRow, *, names: dict[str, str]) -> tuple[str, list[str]]:
    found: set[str] = set()
    for column, name in names.items():
        mark = _mark(row.values.get(column))
        if mark in PRESENT:
            found.add(name)
        elif mark not in ABSENT:
            raise RowError("unparsed_row", f"'{column}' holds '{mark[:40]}' instead of 0 or 1")
    symptoms = [name for name in dict.fromkeys(names.values()) if name in found]
    return "; ".join(symptoms), symptoms


def _described(row: RawRow, *, column: str, repairs: Repairs) -> tuple[str, list[str]]:
    return clean_question(text_of(row.values.get(column), column), repairs), []


def _record(row: RawRow, *, layout: TableLayout, read: SymptomReader, aliases: Aliases) -> Record:
    question, symptoms = read(row)
    if not question:
        raise RowError("empty_question", "no symptom in this row")
    label = aliases.trimmed(row.values.get(layout.label), layout.label)
    if not label:
        raise RowError("unlabelled", f"'{layout.label}' is empty")
    return Record(
        id=row.id,
        source_row=row.source_row,
        group=text_of(row.values.get(layout.group), layout.group) if layout.group else "",
        question=question,
        answer=label,
        label=label,
        meta={"symptoms": symptoms} if symptoms else {},
    )
