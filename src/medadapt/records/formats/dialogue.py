"""Dialogues between patient and doctor -> drafts: one exchange in two columns, or lists of turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from medadapt.core.recipe import DataSection
from medadapt.core.records import Record
from medadapt.records.cleaning.texts import Repairs, text_of
from medadapt.records.formats.aliases import Aliases
from medadapt.records.formats.columns import Columns
from medadapt.records.formats.open_texts import checked_answer
from medadapt.records.formats.question_answer import pair_record
from medadapt.records.formats.question_pairs import PairColumns, context_text, pair_columns
from medadapt.records.formats.turns import read_turns, split_turns
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, columns_of, no_sound_row

LISTS = ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "utterances")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnColumns:
    """Where a file keeps its lists of turns: one column, or a prompt and a completion after it."""

    lists: tuple[str, ...]
    context: str | None
    group: str | None


def parse_dialogue(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    """Drafts of dialogues: `question` is the last message with a reply, `history` all that came before it.

    Understands instruction/input/output, patient/doctor and other pairs of columns, `messages` and ShareGPT's
    `conversations`. An instruction that is the same in all rows of a file stands in the facts instead. Raises
    DataError for columns that are not recognised.
    """
    aliases = Aliases(data.aliases, repairs)
    parsed = Parsed()
    standing: dict[str, None] = {}
    for file, file_rows in by_file(rows).items():
        if not columns_of(file_rows):
            parsed.take(file_rows, no_sound_row)
            continue
        layout = find_layout(file_rows, data, file=file)
        if isinstance(layout, TurnColumns):
            parsed.take(file_rows, partial(_turns_record, columns=layout, aliases=aliases, repairs=repairs))
            continue
        if layout.standing is not None:
            standing[layout.standing] = None
        parsed.take(file_rows, partial(pair_record, columns=layout, aliases=aliases, repairs=repairs))
    if standing:
        parsed.facts["instructions"] = list(standing)
    return parsed


def find_layout(rows: Sequence[RawRow], data: DataSection, *, file: str) -> TurnColumns | PairColumns:
    """The layout of one file. Raises DataError where neither turns nor a pair of columns are found."""
    columns = Columns(columns_of(rows), data, file=file)
    columns.find("id")  # used before the format is known; a name that is not there is refused here
    context, group = columns.find("context"), columns.find("group")
    held = columns.find("question") or columns.find("turns", LISTS)
    if held is not None and "answer" not in data.columns and _holds_lists(held, rows):
        return TurnColumns(lists=(held,), context=context, group=group)
    pairs = pair_columns(rows, columns, data)
    if _holds_lists(pairs.question, rows):
        return TurnColumns(lists=(pairs.question, pairs.answer), context=context, group=group)
    return pairs


def _holds_lists(column: str, rows: Sequence[RawRow]) -> bool:
    return any(isinstance(row.values.get(column), list) for row in rows)


def _turns_record(row: RawRow, *, columns: TurnColumns, aliases: Aliases, repairs: Repairs) -> Record:
    turns = [turn for name in columns.lists for turn in read_turns(row.values.get(name), name, repairs)]
    earlier, question, answer = split_turns(turns, repairs)
    if not question:
        raise RowError("empty_question", "the last message is empty")
    return Record(
        id=row.id,
        source_row=row.source_row,
        group=text_of(row.values.get(columns.group), columns.group) if columns.group else "",
        question=question,
        answer=checked_answer(answer, question, aliases=aliases, repairs=repairs),
        context=context_text(row, columns.context, repairs),
        history=[asdict(turn) for turn in earlier],
    )
