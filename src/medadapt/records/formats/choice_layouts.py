"""The published layouts of multiple choice: which cell is the question, an option, the answer."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.core.records import LETTERS
from medadapt.records.cleaning.texts import text_of
from medadapt.records.formats.columns import Columns
from medadapt.records.rows import RawRow, RowError, columns_of

OPTION_COLUMNS = ("opa", "opb", "opc", "opd", "ope")
OPTION_STEMS = ("option", "choice", "")
"""What own columns of options are called before their letter or number; a bare number is no name of one."""
MOST_COLUMNS = 10
PUBMEDQA_OPTIONS = ("yes", "no", "maybe")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceLayout:
    """The columns of one file. `kind` says how options and answer are written."""

    kind: Literal["columns", "options", "pubmedqa"]
    question: str
    options: tuple[str, ...]
    """Option columns, or the one column that holds a list or an object of options."""
    answer: str | None
    answer_index: str | None
    context: str | None
    choice_type: str | None
    explanation: str | None
    subject: str | None
    topic: str | None
    group: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The options of one row in order, with the keys they are called by where the source has keys."""

    texts: tuple[str, ...]
    keys: tuple[str, ...] | None = None
    as_read: tuple[str, ...] = ()
    """The texts with the letters before them, where these were taken away."""


def find_choice_layout(rows: Sequence[RawRow], data: DataSection, *, file: str) -> ChoiceLayout | None:
    """The layout of one file; None where no row of it could be read. Raises DataError for an unknown one."""
    present = columns_of(rows)
    if not present:
        return None
    columns = Columns(present, data, file=file)
    columns.find("id")  # used before the format is known; a name that is not there is refused here
    options = tuple(name for key in OPTION_COLUMNS if (name := columns.find(f"option {key}", (key,))))
    held = columns.find("options", ("options", "choices"))
    decision = columns.find("final decision", ("final_decision",))
    kind: Literal["columns", "options", "pubmedqa"]
    if len(options) >= 2 and "options" not in data.columns:
        kind = "columns"
    elif held is not None:
        kind, options = "options", (held,)
    elif (own := _own_option_columns(present)) and "options" not in data.columns:
        kind, options = "columns", own
    elif decision is not None:
        # Every other cell of a PubMedQA object (LONG_ANSWER, annotators' guesses) gives the answer away.
        kind, options = "pubmedqa", ()
    else:
        raise DataError(
            f"{file} is no multiple-choice layout that is known; its columns are {columns.shown()}.",
            "MedMCQA (question opa opb opc opd cop), a column for each option (A B C ..., option_a ..., option1 ...), "
            "an options or choices column, or PubMedQA (QUESTION CONTEXTS final_decision)",
            "Name the column of the options with data.columns: {options: <column>}, or rename the columns.",
        )
    question = columns.need("question", ("question",))
    context = columns.find("context", ("contexts", "context"))
    return ChoiceLayout(
        kind=kind,
        question=question,
        options=options,
        answer=columns.find("answer", ("final_decision",) if kind == "pubmedqa" else ("answer",)),
        # A guess never goes before the answer column that the recipe names.
        answer_index=columns.find(
            "answer_index", () if "answer" in data.columns else ("cop", "answer_idx", "answer_index")
        ),
        context=context if context != question else None,
        choice_type=columns.find("choice_type", ("choice_type",)),
        explanation=columns.find("explanation", () if kind == "pubmedqa" else ("exp", "explanation")),
        subject=columns.find("subject", ("subject_name", "subject")),
        topic=columns.find("topic", ("topic_name", "topic")),
        group=columns.find("group"),
    )


def choices_of(row: RawRow, layout: ChoiceLayout) -> Choices:
    """The options of a row. Raises RowError `bad_options` where there are none to choose from."""
    if layout.kind == "pubmedqa":
        return Choices(texts=PUBMEDQA_OPTIONS)
    if layout.kind == "columns":
        cells = [text_of(row.values.get(name), name) for name in layout.options]
        # A fifth option is the exception: where it is empty the row has four.
        texts = _without_last_empty(cells, keep=4)
        return Choices(texts=texts, keys=layout.options[: len(texts)])
    held = row.values.get(layout.options[0])
    if isinstance(held, str):
        held = list_in(held)
    if isinstance(held, dict):
        keyed = sorted((str(key).strip(), text_of(text, f"option {key}")) for key, text in held.items())
        texts = _without_last_empty([text for _, text in keyed], keep=4)
        return Choices(texts=texts, keys=tuple(key for key, _ in keyed)[: len(texts)])
    if isinstance(held, list):
        return Choices(texts=_without_last_empty([text_of(text, "an option") for text in held], keep=4))
    raise RowError("bad_options", f"'{layout.options[0]}' holds no list or object of options")


def list_in(text: str) -> Any:
    """The list or object that a table keeps as text, in JSON or as Python prints it; None where it holds none."""
    if not text.lstrip().startswith(("[", "{")):
        return None
    with suppress(ValueError, RecursionError):  # no JSON: perhaps as Python prints it
        return json.loads(text)
    try:
        with warnings.catch_warnings(action="ignore"):  # of a backslash in a text
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def option_prefix_free(texts: Sequence[str]) -> tuple[str, ...] | None:
    """Options without `A. `, `B) ` ... before them, where each carries its own letter; None elsewhere."""
    freed = []
    for letter, text in zip(LETTERS, texts, strict=False):
        found = re.match(rf"\(?{letter}[.):]\s*(?=\S)", text, re.IGNORECASE)
        if found is None:
            return None
        freed.append(text[found.end() :])
    return tuple(freed) if len(freed) >= 2 and len(freed) == len(texts) else None


def context_of(row: RawRow, layout: ChoiceLayout) -> str:
    """The passage a question is about; several passages are joined by newlines."""
    if layout.context is None:
        return ""
    held = row.values.get(layout.context)
    if isinstance(held, dict):  # the hub's PubMedQA nests them
        held = held.get("contexts")
    if isinstance(held, list):
        return "\n".join(text_of(part, "a context") for part in held)
    return text_of(held, layout.context)


def answer_cell(row: RawRow, layout: ChoiceLayout) -> Any:
    """The cell that tells the right option: its index or letter where there is one, else its text."""
    for column in (layout.answer_index, layout.answer):
        if column is not None and (cell := row.values.get(column)) not in (None, ""):
            return cell.strip() if isinstance(cell, str) else cell
    return None


def _own_option_columns(present: Sequence[str]) -> tuple[str, ...]:
    """Columns of options by their own names: `option_a` ..., `Option 1` ..., `choice_a` ..., `A` ...; maybe none."""
    plain = {re.sub(r"[\W_]+", "", name).casefold(): name for name in reversed(present)}
    letters = LETTERS[:MOST_COLUMNS].casefold()
    for stem in OPTION_STEMS:
        for marks in (letters, "0123456789", "123456789") if stem else (letters,):
            found = takewhile(lambda name: name in plain, (stem + mark for mark in marks))
            if len(named := tuple(plain[name] for name in found)) >= 2:
                return named
    return ()


def _without_last_empty(texts: Sequence[str], *, keep: int) -> tuple[str, ...]:
    end = len(texts)
    while end > keep and not texts[end - 1]:
        end -= 1
    return tuple(texts[:end])
