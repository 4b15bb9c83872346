"""A record's exchanges, oldest first: what was asked and answered before, and the question that waits.

Every stage sees a conversation in the same parts: a text that asks, the answer, the closing token, the next
text that asks, and so on. Answers of earlier exchanges are therefore read exactly as they were once written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.examples.templates import Wording, answer_text, join, render_exchange, render_prompt

BREAK = "\n\n"
"""Stands in plain prompts between the end of one exchange and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A prompt as text: `asked[0] answers[0] closing asked[1] answers[1] closing ... asked[-1]`."""

    asked: list[str]
    """Read only. The last one ends where the answer to the record begins."""
    answers: list[str]
    """Of earlier exchanges, each with the white space that separates it from what asked for it."""

    def text(self, closing: str) -> str:
        """The whole prompt."""
        return self.texts_before(closing)[-1]

    def texts_before(self, closing: str) -> list[str]:
        """The text up to each earlier answer, and up to the answer that is still to come."""
        texts = [self.asked[0]]
        for answer, asked in zip(self.answers, self.asked[1:], strict=True):
            texts.append(texts[-1] + answer + closing + asked)
        return texts


def exchanges(record: Record) -> list[Record]:
    """Every question with its answer as a record of its own; the last is the record's, with all it brings.

    A system turn stays with the first exchange. Raises DataError where question and answer do not take turns.
    """
    system = record.history[: _begins_with_system(record)]
    earlier = record.history[len(system) :]
    if [turn["role"] for turn in earlier] != ["user", "assistant"] * (len(earlier) // 2):
        raise DataError(
            f"record {record.id}: its history goes {' '.join(turn['role'] for turn in record.history)}.",
            "a system turn or none, and then user and assistant in turn, the assistant last",
            "Prepare the records again, or correct the history.",
        )
    made = [
        replace(_bare(record), question=asked["content"], answer=answered["content"])
        for asked, answered in zip(earlier[::2], earlier[1::2], strict=True)
    ]
    first, *rest = [*made, replace(record, history=[])]
    return [replace(first, history=system), *rest]


def after_shown(record: Record, shown: Sequence[Record], wording: Wording) -> list[Record]:
    """The record's exchanges behind those of `shown` records, whose answers are given as they are trained.

    The record's own system turn opens the whole; those of the shown records are left out.
    """
    before = [
        replace(exchange, history=[])
        for other in shown
        for exchange in exchanges(replace(other, answer=answer_text(other, wording)))
    ]
    own = exchanges(record)
    said = [*before, replace(own[0], history=[]), *own[1:]]
    return [replace(said[0], history=own[0].history), *said[1:]]


def num_earlier_exchanges(record: Record) -> int:
    """How many questions were answered before the record's own."""
    return (len(record.history) - _begins_with_system(record)) // 2


def without_oldest(record: Record, count: int) -> Record:
    """The record without its `count` oldest exchanges; a system turn stays."""
    kept = _begins_with_system(record)
    return replace(record, history=record.history[:kept] + record.history[kept + 2 * count :])


def plain_parts(record: Record, wording: Wording) -> Parts:
    """The prompt in the template's own words, without a chat template."""
    first, *rest = exchanges(record)
    asked = [render_prompt(first, wording), *(BREAK + render_exchange(later, wording) for later in rest)]
    answers = [
        join(before, earlier.answer.strip())
        for before, earlier in zip(asked, [first, *rest][:-1], strict=False)
    ]
    return Parts(asked=asked, answers=answers)


def plain_parts_after(record: Record, shown: Sequence[Record], wording: Wording) -> Parts:
    """The plain prompt behind `shown` records: the template again and again, with answers, a blank line apart.

    No closing token ends their answers, because to a base it would be the end of the text. The record's own
    earlier exchanges end in it as ever.
    """
    own = plain_parts(record, wording)
    said = after_shown(record, shown, wording)
    asked = [render_prompt(said[0], wording), *(render_exchange(later, wording) for later in said[1:])]
    number = len(said) - len(own.asked)
    answered = [text + join(text, said[place].answer.strip()) for place, text in enumerate(asked[:number])]
    return Parts(asked=[BREAK.join([*answered, asked[number]]), *own.asked[1:]], answers=own.answers)


def _begins_with_system(record: Record) -> bool:
    return bool(record.history) and record.history[0]["role"] == "system"


def _bare(record: Record) -> Record:
    """A record of the same place that brings nothing of its own into a prompt."""
    return Record(id=record.id, source_row=record.source_row, group=record.group, question="", answer="")
