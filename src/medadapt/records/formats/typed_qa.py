"""Typed questions (MedQuAD's layouts) -> drafts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.core.records import Record
from medadapt.records.cleaning.texts import (
    Repairs,
    clean_lines,
    clean_question,
    normal_form,
    one_line,
    text_of,
)
from medadapt.records.formats.aliases import Aliases
from medadapt.records.formats.columns import Columns
from medadapt.records.reading.xml_rows import DOCUMENT
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, columns_of, no_sound_row

TYPES, QUESTIONS, ANSWERS = ("qtype", "question_type", "type"), ("question",), ("answer",)
NO_ANSWERS = frozenset(
    {
        "topics",
        "frequently asked queestions faqs",
        "frequently asked questions faqs",
        "frequently asked questions",
    }
)
"""Headings that a web page left where its answer was, in normal form."""
ONLY_A_QUESTION = re.compile(r"[^.!?\n]{1,300}\?")


@dataclass(frozen=True, slots=True, kw_only=True)
class QaColumns:
    """Where a file keeps the parts of a typed question."""

    qtype: str
    question: str
    answer: str
    context: str | None
    group: str | None


def parse_typed_qa(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    """Drafts of typed questions; with `data.types` only those of the types asked for.

    A question of MedQuAD's XML belongs to the group of its document. Raises DataError for a missing column
    and for a type that does not occur.
    """
    columns = {file: _columns(file_rows, data, file) for file, file_rows in by_file(rows).items()}
    wanted = _wanted_types(rows, columns, data)
    aliases = Aliases(data.aliases, repairs)
    parsed = Parsed()
    for file, file_rows in by_file(rows).items():
        parsed.take(
            file_rows,
            partial(_record, columns=columns[file], wanted=wanted, aliases=aliases, repairs=repairs),
        )
    return parsed


def _columns(rows: Sequence[RawRow], data: DataSection, file: str) -> QaColumns | None:
    present = columns_of(rows)
    if not present:  # no row of the file could be read; each is dropped with its reason
        return None
    columns = Columns(present, data, file=file)
    columns.find("id")  # used before the format is known; a name that is not there is refused here
    return QaColumns(
        qtype=columns.need("type", TYPES),
        question=columns.need("question", QUESTIONS),
        answer=columns.need("answer", ANSWERS),
        context=columns.find("context"),
        group=columns.find("group", (DOCUMENT,)),
    )


def _wanted_types(
    rows: Sequence[RawRow], columns: dict[str, QaColumns | None], data: DataSection
) -> frozenset[str] | None:
    """The types asked for, case-folded; None for all. Raises DataError for one that does not occur."""
    if not data.types:
        return None
    present: Counter[str] = Counter()
    for row in rows:
        if row.fault is None and (place := columns[row.file]) is not None:
            present[_qtype(row, place)] += 1
    wanted = {one_line(asked).casefold(): asked for asked in data.types}
    known = {qtype.casefold() for qtype in present if qtype}
    if absent := [asked for folded, asked in wanted.items() if folded not in known]:
        listed = ", ".join(f"{qtype} ({count:,})" for qtype, count in present.most_common() if qtype)
        raise DataError(
            f"data.types: no question is of the type {', '.join(repr(asked) for asked in absent)}.",
            f"types of this source: {listed or 'none'}",
            "Correct data.types; upper and lower case are alike.",
        )
    return frozenset(wanted)


def _qtype(row: RawRow, columns: QaColumns) -> str:
    cell = row.values.get(columns.qtype)
    return one_line(cell) if isinstance(cell, str) else ""


def _record(
    row: RawRow,
    *,
    columns: QaColumns | None,
    wanted: frozenset[str] | None,
    aliases: Aliases,
    repairs: Repairs,
) -> Record:
    if columns is None:
        no_sound_row(row)
    qtype = _qtype(row, columns)
    if wanted is not None and qtype.casefold() not in wanted:
        raise RowError("filtered", f"type '{qtype}' is not asked for")
    question = clean_question(text_of(row.values.get(columns.question), columns.question), repairs)
    if not question:
        raise RowError("empty_question", f"'{columns.question}' is empty")
    answer = clean_lines(aliases.trimmed(row.values.get(columns.answer), columns.answer), repairs)
    if problem := _no_answer(question, answer):
        raise RowError("empty_answer", problem)
    context = text_of(row.values.get(columns.context), columns.context) if columns.context else ""
    focus = row.values.get("focus")
    return Record(
        id=row.id,
        source_row=row.source_row,
        group=text_of(row.values.get(columns.group), columns.group) if columns.group else "",
        question=question,
        answer=answer,
        context=clean_lines(context, repairs) or None,
        qtype=qtype or None,
        meta={"focus": focus} if isinstance(focus, str) and focus else {},
    )


def _no_answer(question: str, answer: str) -> str:
    """Why the text is no answer, or nothing."""
    if not answer:
        return "the answer is empty"
    compared = normal_form(answer)
    if compared in NO_ANSWERS:
        return f"'{answer}' is a heading, no answer"
    if compared == normal_form(question):
        return "the answer only repeats the question"
    if ONLY_A_QUESTION.fullmatch(answer):
        return "the answer is only a question"
    return ""
