"""What a dialogue holds besides its last question: earlier answers, which are learned too, and what asked for them.

Published files often hold one dialogue several times: after two, four and six turns, or its last few turns at each
step. The copies are not alike as whole texts, and yet one trains the answer that another one tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medadapt.core.hashes import sha256_text
from medadapt.core.records import Record
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.duplicates import joined_input

ENOUGH_SAID = 40
"""Characters of a question and of its answer from which on an exchange is of one dialogue; greetings, thanks and
the replies to them are shorter, and stand in many."""


def earlier_answers(record: Record) -> list[str]:
    """The answers in a record's history."""
    return [turn["content"] for turn in record.history if turn["role"] == "assistant"]


def earlier_inputs(record: Record) -> Iterator[str]:
    """What was asked at each earlier question, in the form in which `input_text` has the last one."""
    said: list[str] = []
    for turn in record.history:
        if turn["role"] != "system":
            said.append(normal_form(turn["content"]))
        if turn["role"] == "user":
            yield joined_input(said)


def asked_earlier(texts: Sequence[str], seen: Sequence[Record]) -> dict[str, int]:
    """Those of the inputs that were asked within one of the records seen, with the number of the first such record."""
    wanted, found = set(texts), dict[str, int]()
    for number, record in enumerate(seen):
        for text in earlier_inputs(record):
            if text in wanted:
                found.setdefault(text, number)
    return found


def links(records: Sequence[Record], texts: Sequence[str]) -> list[list[str]]:
    """For each record, with its input text, what it shares with others that must lie in its split.

    Those are the whole input of a record that was asked at an earlier question, whatever the answer, and every
    exchange with enough in it. Records without a history leave nothing to join.
    """
    if not any(record.history for record in records):
        return [[] for _ in records]
    whole = set(texts)
    return [
        [f"asked {asked}" for asked in (text, *earlier_inputs(record)) if asked in whole] + _exchanges(record)
        for record, text in zip(records, texts, strict=True)
    ]


def _exchanges(record: Record) -> list[str]:
    """Hashes of the record's exchanges, earlier ones and its own, that have enough in them."""
    turns = [normal_form(turn["content"]) for turn in record.history if turn["role"] != "system"]
    said = [*turns, normal_form(record.question), normal_form(record.answer)]
    return [
        f"said {sha256_text(asked + chr(0) + answered)}"
        for asked, answered in zip(said[::2], said[1::2], strict=False)
        if min(len(asked), len(answered)) >= ENOUGH_SAID
    ]
