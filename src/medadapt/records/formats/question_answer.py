"""Question/answer pairs in any two columns -> drafts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from medadapt.core.recipe import DataSection
from medadapt.core.records import Record
from medadapt.records.cleaning.texts import Repairs, text_of
from medadapt.records.formats.aliases import Aliases
from medadapt.records.formats.columns import Columns
from medadapt.records.formats.open_texts import checked_answer
from medadapt.records.formats.question_pairs import PairColumns, asked, context_text, pair_columns
from medadapt.records.formats.turns import read_turns
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, columns_of, no_sound_row


def parse_question_answer(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    """Drafts of open questions: question/answer, question/response, instruction/input/output, prompt/completion.

    Other names come from `data.columns`. An instruction that is the same in all rows of a file stands in the
    facts instead. Raises DataError for columns that are not recognised.
    """
    aliases = Aliases(data.aliases, repairs)
    parsed = Parsed()
    standing: dict[str, None] = {}
    for file, file_rows in by_file(rows).items():
        present = columns_of(file_rows)
        if not present:
            parsed.take(file_rows, no_sound_row)
            continue
        columns = Columns(present, data, file=file)
        columns.find("id")  # used before the format is known; a name that is not there is refused here
        pairs = pair_columns(file_rows, columns, data)
        if pairs.standing is not None:
            standing[pairs.standing] = None
        parsed.take(file_rows, partial(pair_record, columns=pairs, aliases=aliases, repairs=repairs))
    if standing:
        parsed.facts["instructions"] = list(standing)
    return parsed


def pair_record(row: RawRow, *, columns: PairColumns, aliases: Aliases, repairs: Repairs) -> Record:
    """The record of one row. Raises RowError where question or answer is missing or no text."""
    row = replace(
        row,
        values={
            **row.values,
            columns.question: _single(row.values.get(columns.question), columns.question, "user", repairs),
            columns.answer: _single(row.values.get(columns.answer), columns.answer, "assistant", repairs),
        },
    )
    question = asked(row, columns, repairs)
    answer = text_of(row.values.get(columns.answer), columns.answer)
    return Record(
        id=row.id,
        source_row=row.source_row,
        group=text_of(row.values.get(columns.group), columns.group) if columns.group else "",
        question=question,
        answer=checked_answer(answer, question, aliases=aliases, repairs=repairs),
        context=context_text(row, columns.context, repairs),
    )


def _single(cell: Any, name: str, role: str, repairs: Repairs) -> Any:
    """The text of a message in a list of its own, as conversational prompts and completions are written."""
    if not isinstance(cell, list):
        return cell
    turns = read_turns(cell, name, repairs)
    if [turn.role for turn in turns] != [role]:
        raise RowError(
            "unparsed_row",
            f"{name} holds {len(turns)} turns instead of one of the {role}; use format dialogue",
        )
    return turns[0].content
