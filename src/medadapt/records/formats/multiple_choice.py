"""Multiple choice -> drafts, for all published layouts alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from medadapt.core.recipe import DataSection
from medadapt.core.records import LETTERS, Record
from medadapt.records.cleaning.texts import Repairs, clean_lines, option_form, text_of
from medadapt.records.formats.aliases import Aliases
from medadapt.records.formats.answer_base import (
    AnswerBase,
    answer_index,
    find_answer_base,
    index_of_text,
)
from medadapt.records.formats.choice_layouts import (
    ChoiceLayout,
    Choices,
    answer_cell,
    choices_of,
    context_of,
    find_choice_layout,
    option_prefix_free,
)
from medadapt.records.formats.explanations import without_announcement
from medadapt.records.formats.option_mentions import with_options_spelled_out
from medadapt.records.rows import Parsed, RawRow, RowError, by_file, no_sound_row


def parse_multiple_choice(rows: Sequence[RawRow], data: DataSection, repairs: Repairs) -> Parsed:
    """Drafts of exam questions: `answer` is the right option's text, `answer_index` its 0-based place.

    Understands MedMCQA, MIRAGE, MedQA-USMLE, lists of choices and PubMedQA. How the answers count is found
    from the whole source and stands in the facts. Raises DataError for an unknown layout or an unclear base.
    """
    files = by_file(rows)
    layouts = {file: find_choice_layout(file_rows, data, file=file) for file, file_rows in files.items()}
    aliases = Aliases(data.aliases, repairs)
    base = find_answer_base(_answers(rows, layouts, aliases), data.answer_base, str(data.source))
    parsed = Parsed(facts={"answer_base": base})
    for file, file_rows in files.items():
        parse = partial(_record, layout=layouts[file], data=data, base=base, aliases=aliases, repairs=repairs)
        parsed.take(file_rows, parse)
    return parsed


def _answers(
    rows: Sequence[RawRow], layouts: dict[str, ChoiceLayout | None], aliases: Aliases
) -> Iterator[tuple[Any, Choices]]:
    for row in rows:
        layout = layouts[row.file]
        if row.fault is not None or layout is None:
            continue
        try:
            yield _answer(row, layout, aliases), _prefix_free(choices_of(row, layout))
        except RowError:
            continue  # counted when the row itself is parsed


def _answer(row: RawRow, layout: ChoiceLayout, aliases: Aliases) -> Any:
    cell = answer_cell(row, layout)
    return aliases.trimmed(cell, "answer") if isinstance(cell, str) else cell


def _prefix_free(choices: Choices) -> Choices:
    freed = option_prefix_free(choices.texts)
    if freed is None:
        return choices
    return Choices(texts=freed, keys=choices.keys, as_read=choices.texts)


def _record(
    row: RawRow,
    *,
    layout: ChoiceLayout | None,
    data: DataSection,
    base: AnswerBase | None,
    aliases: Aliases,
    repairs: Repairs,
) -> Record:
    if layout is None:
        no_sound_row(row)
    choice_type = _text(row, layout.choice_type)
    if data.choice_type and choice_type and choice_type.casefold() != data.choice_type.strip().casefold():
        raise RowError("multi_choice", f"choice type '{choice_type}'")
    question = clean_lines(_text(row, layout.question), repairs)
    if not question:
        raise RowError("empty_question", f"'{layout.question}' is empty")
    as_read = choices_of(row, layout)
    choices = _prefix_free(as_read)
    if choices is not as_read:
        repairs["letters before options removed"] += 1
    index = answer_index(_answer(row, layout, aliases), choices, base)
    _check_second_answer(row, layout, choices, index)
    options = [clean_lines(text, repairs) for text in choices.texts]
    _check_options(options)
    return Record(
        id=row.id,
        source_row=row.source_row,
        group=_text(row, layout.group),
        question=question,
        context=clean_lines(context_of(row, layout), repairs) or None,
        answer=options[index],
        options=options,
        answer_index=index,
        explanation=_explanation(row, layout, options=options, index=index, repairs=repairs),
        subject=_text(row, layout.subject) or None,
        topic=_text(row, layout.topic) or None,
        meta={"choice_type": choice_type} if choice_type else {},
    )


def _text(row: RawRow, column: str | None) -> str:
    return text_of(row.values.get(column), column) if column else ""


def _check_options(options: Sequence[str]) -> None:
    """Raises RowError where a right answer could not be told from a wrong one."""
    if len(options) < 2:
        raise RowError("bad_options", f"{len(options)} options")
    if len(options) > len(LETTERS):
        raise RowError("bad_options", f"{len(options)} options are more than there are letters")
    if "" in options:
        raise RowError("bad_options", f"option {LETTERS[options.index('')]} is empty")
    forms = [option_form(option) for option in options]
    for place, form in enumerate(forms):
        if form in forms[:place]:
            raise RowError(
                "bad_options", f"options {LETTERS[forms.index(form)]} and {LETTERS[place]} are equal"
            )


def _check_second_answer(row: RawRow, layout: ChoiceLayout, choices: Choices, index: int) -> None:
    """MedQA gives the answer twice; where its letter and its text name two options, neither is trusted."""
    if layout.answer_index is None or layout.answer is None:
        return
    second = row.values.get(layout.answer)
    named = index_of_text(second, choices) if isinstance(second, str) else None
    if named is not None and named != index:
        raise RowError("bad_options", f"'{layout.answer_index}' and '{layout.answer}' name different options")


def _explanation(
    row: RawRow, layout: ChoiceLayout, *, options: Sequence[str], index: int, repairs: Repairs
) -> str | None:
    text = clean_lines(_text(row, layout.explanation), repairs)
    freed = without_announcement(text, options=options, answer_index=index)
    if freed != text:
        repairs["answer announcements removed from explanations"] += 1
    spelled = with_options_spelled_out(freed, options=options, answer_index=index)
    if spelled != freed:
        repairs["options spelled out in explanations"] += 1
    return spelled or None
