"""Rows of a standard set -> records. Texts stay as published: not even outer spaces are removed.

The prompts of lm-evaluation-harness hold a row's texts as they are, so a cleaned text would be another prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.core.records import LETTERS, Record
from medadapt.core.standard_sets import MMLU_SUBSETS, SetName
from medadapt.records.formats.answer_base import AnswerBase, answer_index, find_answer_base
from medadapt.records.formats.choice_layouts import (
    PUBMEDQA_OPTIONS,
    ChoiceLayout,
    Choices,
    answer_cell,
    find_choice_layout,
    list_in,
)
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, no_sound_row

NUM_OPTIONS = 4
HF_LAYOUT = {"sent1": "question", "ending0": "opa", "ending1": "opb", "ending2": "opc", "ending3": "opd"}
"""The layout that lm-evaluation-harness reads MedQA in -> the names used for options in columns."""
SUBSET = "subset"
"""Where a row of MMLU keeps which of the six it belongs to."""


def parse_rows(name: SetName, rows: Sequence[RawRow], *, source: str) -> Parsed:
    """Records of the rows that can be asked, and the others with their reasons.

    A record's options are the texts in order and `answer_index` the right one; `subject` is the subset of MMLU.
    Raises DataError where the layout is not that of the set, or where it is unclear how the answers count.
    """
    if name == "medqa":
        rows = [_renamed(row) for row in rows]
    files = by_file(rows)
    section = DataSection(format="multiple_choice", source=source)
    layouts = {file: find_choice_layout(file_rows, section, file=file) for file, file_rows in files.items()}
    _check_kind(name, layouts)
    base = None if name == "mmlu-medical" else _answer_base(rows, layouts, source)
    parsed = Parsed()
    for file, file_rows in files.items():
        parsed.take(file_rows, partial(_record, name=name, layout=layouts[file], base=base))
    return parsed


def _renamed(row: RawRow) -> RawRow:
    if "sent1" not in row.values:
        return row
    values = {HF_LAYOUT.get(key, key): value for key, value in row.values.items()}
    values["cop"] = values.pop("label", None)
    return RawRow(file=row.file, source_row=row.source_row, values=values, id=row.id, fault=row.fault)


def _check_kind(name: SetName, layouts: dict[str, ChoiceLayout | None]) -> None:
    for file, layout in layouts.items():
        if layout is not None and (layout.kind == "pubmedqa") != (name == "pubmedqa"):
            raise DataError(
                f"{file} does not have the layout of {name}.",
                "QUESTION, CONTEXTS and final_decision"
                if name == "pubmedqa"
                else "a question with four options",
                "Name the set that the file holds: --on NAME=PATH.",
            )


def _answer_base(
    rows: Sequence[RawRow], layouts: dict[str, ChoiceLayout | None], source: str
) -> AnswerBase | None:
    answers = []
    for row in rows:
        if row.fault is None and (layout := layouts[row.file]) is not None:
            try:
                answers.append((answer_cell(row, layout), _choices(row, layout)))
            except RowError:
                continue  # counted when the row itself is parsed
    try:
        return find_answer_base(answers, "auto", source)
    except DataError as problem:
        remedy = "Give the whole published file: from few rows it cannot be told whether answers count from 0 or 1."
        raise DataError(problem.problem, problem.expected, remedy) from None


def _record(row: RawRow, *, name: SetName, layout: ChoiceLayout | None, base: AnswerBase | None) -> Record:
    if layout is None:
        no_sound_row(row)
    question = _as_published(row.values.get(layout.question), layout.question)
    if not question.strip():
        raise RowError("empty_question", f"'{layout.question}' is empty")
    choices = _choices(row, layout)
    if name != "pubmedqa" and len(choices.texts) != NUM_OPTIONS:
        raise RowError("bad_options", f"{len(choices.texts)} options; the prompt of {name} has {NUM_OPTIONS}")
    cell = answer_cell(row, layout)
    index = answer_index(cell, choices, _base_of_mmlu(cell) if name == "mmlu-medical" else base)
    context = _context(row, layout) if name == "pubmedqa" else None
    if name == "pubmedqa" and not (context or "").strip():
        raise RowError("empty_question", "the abstract is empty")
    subset = row.values.get(SUBSET)
    if name == "mmlu-medical" and subset not in MMLU_SUBSETS:
        raise RowError("filtered", f"'{subset}' is none of the six medical subsets")
    return Record(
        id=row.id,
        source_row=row.source_row,
        group="",
        question=question,
        context=context,
        answer=choices.texts[index],
        options=list(choices.texts),
        answer_index=index,
        subject=str(subset) if name == "mmlu-medical" else None,
    )


def _base_of_mmlu(cell: Any) -> AnswerBase:
    """MMLU counts from 0 on the Hub and by letter in the original files."""
    return "letter" if isinstance(cell, str) and cell.strip().upper() in LETTERS[:NUM_OPTIONS] else 0


def _choices(row: RawRow, layout: ChoiceLayout) -> Choices:
    """The options as published. Raises RowError `bad_options` where there are none to choose from."""
    if layout.kind == "pubmedqa":
        return Choices(texts=PUBMEDQA_OPTIONS)
    if layout.kind == "columns":
        texts = [_as_published(row.values.get(name), name) for name in layout.options]
        return Choices(texts=tuple(texts[:NUM_OPTIONS] if not any(texts[NUM_OPTIONS:]) else texts))
    held = row.values.get(layout.options[0])
    if isinstance(held, str):
        held = list_in(held)
    if isinstance(held, dict):
        keyed = sorted((str(key).strip(), _as_published(text, f"option {key}")) for key, text in held.items())
        return Choices(texts=tuple(text for _, text in keyed), keys=tuple(key for key, _ in keyed))
    if isinstance(held, list):
        return Choices(texts=tuple(_as_published(text, "an option") for text in held))
    raise RowError("bad_options", f"'{layout.options[0]}' holds no list or object of options")


def _context(row: RawRow, layout: ChoiceLayout) -> str:
    """The parts of an abstract, joined by line breaks as lm-evaluation-harness does."""
    held = row.values.get(layout.context) if layout.context else None
    if isinstance(held, dict):  # the Hub's layout nests them
        held = held.get("contexts")
    parts = held if isinstance(held, list) else [held]
    return "\n".join(_as_published(part, "a context") for part in parts)


def _as_published(value: Any, name: str) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return str(value)
    raise RowError("unparsed_row", f"{name} holds no text")
