"""A record: one question with its reference answer, cleaned, whatever format it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medadapt.core.files import read_numbered_jsonl, write_jsonl
from medadapt.core.record_rows import checked_record, missing_records

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")

Task = Literal["diagnosis", "qa", "multiple_choice"]
TASK_OF_FORMAT: dict[str, Task] = {
    "symptom_table": "diagnosis",
    "typed_qa": "qa",
    "dialogue": "qa",
    "question_answer": "qa",
    "multiple_choice": "multiple_choice",
}

DropReason = Literal[
    "empty_question",
    "empty_answer",
    "duplicate",
    "conflicting_duplicate",
    "unlabelled",
    "multi_choice",
    "filtered",
    "over_limit",
    "unparsed_row",
    "bad_options",
]

PASSAGES = "passages"
"""In a record's `meta` while it is asked: passages that were found for it, as they stand in the prompt."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One line of `1-records/{train,validation,test}.jsonl`."""

    id: str
    """Unique in the run and stable: it depends on the source row, not on the split."""
    source_row: int | str
    """Where the row stands in the source: its number from 1, or `file:number` with several files."""
    group: str
    """Records of one group (near-duplicate inputs, one document) never lie in different splits, unless the
    source gives ready-made ones."""
    question: str
    """Symptom text, question, or patient message."""
    answer: str
    """The reference answer as text; for closed tasks the label or the right option's text."""
    history: list[dict[str, str]] = field(default_factory=list)
    """Earlier turns of a dialogue, oldest first, as {role, content}."""
    context: str | None = None
    label: str | None = None
    options: list[str] | None = None
    answer_index: int | None = None
    """0-based place of the right option."""
    explanation: str | None = None
    qtype: str | None = None
    subject: str | None = None
    topic: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedRow:
    """One line of `dropped.jsonl`: a source row that became no record, and why."""

    id: str
    source_row: int | str
    reason: DropReason
    detail: str
    """For people; of a `duplicate` the id of the record that was kept."""
    row: Any
    """The row as it was read."""


def read_records(path: Path) -> Iterator[Record]:
    """Records of one split file, in file order.

    Raises DataError, with file and line, where the file is missing or a line is damaged or no record.
    """
    if not path.is_file():
        raise missing_records(path)
    for number, row in read_numbered_jsonl(path):
        yield Record(**checked_record(row, path=path, line=number))


def write_records(path: Path, records: Iterable[Record]) -> int:
    """Write records, one a line; returns their number."""
    return write_jsonl(path, records)
