"""Symptom tables -> drafts: a diagnosis for a list of symptoms, a row of 0/1 marks, or a description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from medadapt.core.recipe import DataSection
from medadapt.core.records import Record
from medadapt.records.cleaning.empty_cells import NOTHING
from medadapt.records.cleaning.texts import Repairs, clean_question, one_line, text_of
from medadapt.records.formats.aliases import Aliases
from medadapt.records.formats.symptom_layouts import ABSENT, COPY, PRESENT, TableLayout, find_layout, mark
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, no_sound_row

NO_SYMPTOM = NOTHING | {"", "none"}


def parse_symptom_table(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    """Drafts of a symptom table: `question` lists the symptoms, `label` and `answer` are the diagnosis.

    Three layouts are told apart for each file: columns Symptom_1..n, one 0/1 column a symptom, and a
    free-text description. Labels are trimmed, never respelled. The facts name columns that are in no question.
    Raises DataError for any other file.
    """
    aliases = Aliases(data.aliases, repairs)
    parsed = Parsed()
    left_out: dict[str, list[str]] = {}
    for file, file_rows in by_file(rows).items():
        if all(row.fault is not None and not row.missing for row in file_rows):
            parsed.take(file_rows, no_sound_row)
            continue
        layout = find_layout(file_rows, data, file=file)
        if layout.left_out:
            left_out[file] = list(layout.left_out)
        forgiven = [_forgive(row, layout) for row in file_rows]
        parsed.take(forgiven, partial(_record, layout=layout, read=_reader(layout, repairs), aliases=aliases))
    if left_out:
        parsed.facts["columns_left_out"] = left_out
    return parsed


def symptom_name(cell: str) -> str:
    """A symptom as words: underscores and stray spaces, outside and inside, made single spaces."""
    return one_line(cell.replace("_", " "))


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
        cell = mark(row.values.get(column))
        if cell.casefold() in PRESENT:
            found.add(name)
        elif cell.casefold() not in ABSENT:
            raise RowError("unparsed_row", f"'{column}' holds '{cell[:40]}' instead of 0 or 1, yes or no")
    symptoms = [name for name in dict.fromkeys(names.values()) if name in found]
    return "; ".join(symptoms), symptoms


def _described(row: RawRow, *, column: str, repairs: Repairs) -> tuple[str, list[str]]:
    return clean_question(text_of(row.values.get(column), column), repairs), []


def _record(row: RawRow, *, layout: TableLayout, read: SymptomReader, aliases: Aliases) -> Record:
    question, symptoms = read(row)
    if not question:
        raise RowError("empty_question", "no symptom in this row")
    label = aliases.label(row.values.get(layout.label), layout.label)
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
