"""What a user types -> a record, as the ones the model was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from medadapt.core.errors import DataError
from medadapt.core.records import LETTERS, Record
from medadapt.examples.templates import render_prompt
from medadapt.records.cleaning.texts import Repairs, clean_lines, clean_question, one_line, sound_text
from medadapt.records.formats.open_texts import message_text, question_text
from medadapt.serving.asking import Asking

Cleaning = Callable[[str, Repairs], str]


def _spaced(text: str, _: Repairs) -> str:
    return one_line(text)


QUESTIONS: dict[str, Cleaning] = {
    "symptom_table": _spaced,
    "typed_qa": clean_question,
    "question_answer": question_text,
    "dialogue": message_text,
    "multiple_choice": clean_lines,
}
"""How records of each format had their questions cleaned, as far as that changes no question of a training: names of
symptoms keep a space before a question mark, and so do dialogues in two columns."""
OTHER_TEXTS: dict[str, Cleaning] = {
    "typed_qa": clean_lines,
    "question_answer": message_text,
    "dialogue": message_text,
    "multiple_choice": clean_lines,
}
"""And what goes with them: a context, options, earlier messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question and what may go with it."""

    question: str
    context: str | None = None
    qtype: str | None = None
    options: tuple[str, ...] = ()
    history: tuple[dict[str, str], ...] = ()
    """Earlier turns, oldest first, as {role, content}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What the parts of a question are called where it is asked, for messages."""

    context: str
    qtype: str
    give_question: str
    give_options: str
    mend_options: str


COMMAND = Words(
    context="--context",
    qtype="--type",
    give_question="Write it behind the command, or pipe it in.",
    give_options='Add --options "first;second;third", or --option for each.',
    mend_options="Correct --options; they are separated by `;`. With --option each may hold one itself.",
)


def to_record(asked: Asked, asking: Asking, *, words: Words = COMMAND) -> Record:
    """The record that is asked. Raises DataError for an empty question and for what the prompt has no place for."""
    question = _cleaned(asked.question, QUESTIONS.get(asking.data_format))
    if not question:
        raise DataError("The question is empty.", "a question", words.give_question)
    cleaning = OTHER_TEXTS.get(asking.data_format)
    options = [_cleaned(option, cleaning) for option in asked.options]
    _check_options(options, asking, words)
    record = Record(
        id="asked",
        source_row=1,
        group="asked",
        question=question,
        answer="",
        history=_history(asked, asking),
        context=_cleaned(asked.context or "", cleaning) or None,
        qtype=_cleaned(asked.qtype or "") or None,
        options=options or None,
    )
    _check_used(record, asking, words)
    return record


def note_on_type(record: Record, asking: Asking, *, words: Words = COMMAND) -> str | None:
    """What to say where a model that learned questions under their type is asked without one."""
    if asking.plan.wording.template != "typed_question" or record.qtype is not None:
        return None
    name = words.qtype
    return f"This model was trained with the type above each question; {name} names it, and answers may be better."


def cleaned_message(text: str, asking: Asking) -> str:
    """A message of whoever asks, cleaned as those of the training were."""
    return _cleaned(text, OTHER_TEXTS.get(asking.data_format))


def _history(asked: Asked, asking: Asking) -> list[dict[str, str]]:
    """The turns before the question, behind the system turn that all training dialogues open with.

    Answers of the model stay as it wrote them.
    """
    turns = [
        turn
        | {
            "content": _cleaned(turn["content"])
            if turn["role"] == "assistant"
            else cleaned_message(turn["content"], asking)
        }
        for turn in asked.history
    ]
    common = asking.system_turns.common
    if common is None:
        return turns
    if turns and turns[0]["role"] == "system":
        if turns[0]["content"] != cleaned_message(common, asking):
            raise DataError(
                "The history opens with another system turn than the dialogues of the training.",
                "their turn, or none",
                "Leave it out: theirs is put before every conversation.",
            )
        return turns
    return [{"role": "system", "content": common}, *turns]


def _cleaned(text: str, cleaning: Cleaning | None = None) -> str:
    """Without the characters that records are freed of, and cleaned as theirs were where that is known."""
    sound = sound_text(text, Counter()).strip()
    return sound if cleaning is None else cleaning(sound, Counter())


def _check_options(options: Sequence[str], asking: Asking, words: Words) -> None:
    if not options:
        if asking.task == "multiple_choice" and asking.plan.wording.options:
            raise DataError(
                "This model was trained to choose among options, and there are none.",
                "at least two options",
                words.give_options,
            )
        return
    if asking.task != "multiple_choice":
        raise DataError(
            f"Options mean nothing to this model: it was trained for {asking.task.replace('_', ' ')}.",
            "options only for a multiple-choice model",
            "Leave them out.",
        )
    if not 2 <= len(options) <= len(LETTERS) or not all(options) or len(set(options)) < len(options):
        raise DataError(
            f"These are no {len(options)} options to choose from.",
            f"2 to {len(LETTERS)} different options, none of them empty",
            words.mend_options,
        )


def _check_used(record: Record, asking: Asking, words: Words) -> None:
    """Nothing that the user gives is silently without effect."""
    whole = render_prompt(record, asking.plan.wording)
    given = {
        words.context: record.context and replace(record, context=None),
        words.qtype: record.qtype and replace(record, qtype=None),
    }
    for part, without in given.items():
        if without and render_prompt(without, asking.plan.wording) == whole:
            raise DataError(
                f"{part} has no place in the prompt this model was trained on.",
                f"no {part}",
                "Leave it out, or write it into the question.",
            )
