"""Rows that say the same again, and rows that contradict each other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from medadapt.core.hashes import sha256_text
from medadapt.core.records import DroppedRow, Record, Task
from medadapt.records.cleaning.texts import answer_form, normal_form
from medadapt.records.rows import Draft

NAMED = 5


def input_text(record: Record) -> str:
    """What the model is asked, in normal form: history, context and question, never the answer or an option.

    A list of symptoms is a set: it is put in alphabetical order. What the system says is left out: it is the
    same in most dialogues of a source, and would make them all look alike.
    """
    if symptoms := record.meta.get("symptoms"):
        return "; ".join(sorted(normal_form(symptom) for symptom in symptoms))
    turns = (turn["content"] for turn in record.history if turn["role"] != "system")
    return joined_input(normal_form(part) for part in (*turns, record.context or "", record.question) if part)


def joined_input(parts: Iterable[str]) -> str:
    """One text of the parts of an input, each in normal form."""
    return " | ".join(parts)


def input_key(record: Record) -> str:
    """Hash of the whole input, the set of options included: equal for exact duplicates only."""
    options = sorted(answer_form(option) for option in record.options or ())
    return sha256_text("\x00".join([input_text(record), *options]))


def drop_duplicates(drafts: Sequence[Draft], task: Task) -> tuple[list[Draft], list[DroppedRow]]:
    """Drafts with one row for each input and answer; in closed tasks none that contradict each other.

    The first of equal rows is kept and named in the others' detail. Rows with the same input and different
    answers are all dropped in closed tasks; open tasks keep each distinct answer.
    """
    rows_of: dict[str, dict[str, list[Draft]]] = {}
    for draft in drafts:
        answers = rows_of.setdefault(input_key(draft.record), {})
        answers.setdefault(answer_form(draft.record.answer), []).append(draft)
    kept: list[Draft] = []
    dropped: list[DroppedRow] = []
    for answers in rows_of.values():
        if len(answers) > 1 and task != "qa":
            dropped.extend(_conflict(answers))
            continue
        for first, *copies in answers.values():
            kept.append(first)
            dropped.extend(copy.row.dropped("duplicate", first.record.id) for copy in copies)
    place = {draft.record.id: number for number, draft in enumerate(drafts)}
    kept.sort(key=lambda draft: place[draft.record.id])
    return kept, dropped


def _conflict(answers: dict[str, list[Draft]]) -> list[DroppedRow]:
    dropped: list[DroppedRow] = []
    for form, same in answers.items():
        others = [draft for other, drafts in answers.items() if other != form for draft in drafts]
        named = ", ".join(f"{draft.record.id} ({draft.record.answer})" for draft in others[:NAMED])
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        detail = f"the same input has another answer in {named}{more}"
        dropped.extend(draft.row.dropped("conflicting_duplicate", detail) for draft in same)
    return dropped
