"""Question and answer in two columns, with or without an instruction: the layouts of open questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from medadapt.core.recipe import DataSection
from medadapt.records.cleaning.texts import Repairs, normal_form, text_of
from medadapt.records.formats.columns import Columns
from medadapt.records.formats.open_texts import message_text, question_text
from medadapt.records.rows import RawRow, RowError

PAIRS = (
    ("input", "output"),
    ("question", "answer"),
    ("question", "response"),
    ("question", "output"),
    ("prompt", "completion"),
    ("prompt", "response"),
    ("query", "response"),
    ("patient", "doctor"),
    ("instruction", "output"),
    ("instruction", "response"),
)
"""Columns that belong together, the first pair that a file has goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairColumns:
    """Where a file keeps question and answer."""

    question: str
    answer: str
    instruction: str | None
    """A column that stands before the question, or instead of an empty one."""
    title: str | None
    """A short form of the question, which stands in for an empty one only."""
    standing: str | None
    """The instruction that is the same in all rows: kept once in data.json, and in no question."""
    context: str | None
    group: str | None


def pair_columns(rows: Sequence[RawRow], columns: Columns, data: DataSection) -> PairColumns:
    """The columns of one file. Raises DataError where question and answer are not recognised."""
    pairs = (
        (columns.find("question", (question,)), columns.find("answer", (answer,)))
        for question, answer in PAIRS
    )
    question, answer = next((pair for pair in pairs if all(pair)), (None, None))
    if question is None or answer is None:
        names = [list(dict.fromkeys(pair[place] for pair in PAIRS)) for place in (0, 1)]
        question, answer = columns.need("question", names[0]), columns.need("answer", names[1])
    instruction = title = None
    if "question" not in data.columns:
        instruction = columns.find("instruction", ("instruction",))
        title = columns.find("title", ("description",)) if question.strip().casefold() == "patient" else None
    if instruction == question:
        instruction = None
    context = columns.find("context", ("context",))
    return PairColumns(
        question=question,
        answer=answer,
        instruction=instruction,
        title=title,
        standing=_standing(rows, question, instruction),
        context=context if context not in (question, answer, instruction) else None,
        group=columns.find("group"),
    )


def asked(row: RawRow, columns: PairColumns, repairs: Repairs) -> str:
    """The question of a row. Raises RowError `empty_question` where there is none."""
    instruction, question, title = (
        text_of(row.values.get(name), name) if name else ""
        for name in (columns.instruction, columns.question, columns.title)
    )
    if not question:
        question, instruction = instruction or title, ""
    question = question_text(question, repairs)
    if not question:
        raise RowError("empty_question", f"'{columns.question}' is empty")
    if not instruction or columns.standing is not None:
        return question
    return f"{message_text(instruction, repairs)}\n\n{question}"


def context_text(row: RawRow, column: str | None, repairs: Repairs) -> str | None:
    """The passage that a question is about, where the file has a column of them."""
    if column is None:
        return None
    return message_text(text_of(row.values.get(column), column), repairs) or None


def _standing(rows: Sequence[RawRow], question: str, instruction: str | None) -> str | None:
    """The instruction that stands before every question of the file, where it is one and the same.

    Where rows without a question are asked by their instruction, as in Alpaca's layout, one before the few others
    is no standing one, unless most rows of the file have it.
    """
    if instruction is None:
        return None
    before: list[str] = []
    instead: list[str] = []
    for row in rows:
        if row.fault is None:
            (before if _filled(row, question) else instead).append(_filled(row, instruction))
    if len({normal_form(said) for said in before}) != 1 or (any(instead) and len(before) <= len(instead)):
        return None
    return before[0] or None


def _filled(row: RawRow, column: str) -> str:
    return str(row.values.get(column) or "").strip()
