"""Answers that need no language model: what a score has to beat before it means anything.

`majority` always answers with the most frequent label (or letter) of the training records, ties going
to the first in alphabetical order. `nearest_neighbour` copies the answer of the training record with the most
similar input (`neighbours.py`); in multiple choice it takes the option that resembles the copied answer most,
the first of equals, and the copied letter where no option has anything in common with it.

To open questions the controls write texts: `nearest_neighbour` the whole answer of that training record,
`majority` the most frequent training answer, where one stands at least twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from medadapt.core.records import LETTERS, Record, Task
from medadapt.metrics.controls.neighbours import jaccard, nearest_records
from medadapt.metrics.marking.marks import truths
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.grams import gram_sets

CONTROLS = ("majority", "nearest_neighbour")


def control_decisions(task: Task, train: Sequence[Record], test: Sequence[Record]) -> dict[str, list[str]]:
    """The label or letter each control gives to the test records; empty for open tasks or without training data."""
    answers = truths(task, train)
    if not answers:
        return {}
    return {
        "majority": majority(answers, len(test)),
        "nearest_neighbour": nearest_neighbour(task, train, test),
    }


def control_answers(train: Sequence[Record], test: Sequence[Record]) -> dict[str, list[str]]:
    """The text each control gives to open test questions; a control that has none is left out."""
    if not train:
        return {}
    answers = [record.answer for record in train]
    written = {"nearest_neighbour": [answers[index] for index in nearest_records(test, train)]}
    if len(set(answers)) < len(answers):
        written["majority"] = majority(answers, len(test))
    return written


def majority(answers: Sequence[str], count: int) -> list[str]:
    """The most frequent answer, `count` times."""
    frequency = Counter(answers)
    most = min(frequency, key=lambda answer: (-frequency[answer], answer))
    return [most] * count


def nearest_neighbour(task: Task, train: Sequence[Record], test: Sequence[Record]) -> list[str]:
    """The answer of each test record's nearest training record, as a label or letter."""
    answers = truths(task, train) or []
    copied = nearest_records(test, train)
    if task == "diagnosis":
        return [answers[index] for index in copied]
    pairs = zip(test, copied, strict=True)
    return [_closest_letter(record, train[index].answer, answers[index]) for record, index in pairs]


def _closest_letter(record: Record, answer: str, letter: str) -> str:
    wanted, *options = gram_sets([normal_form(text) for text in (answer, *(record.options or []))])
    likeness = [jaccard(option, wanted) for option in options]
    if max(likeness, default=0) == 0:
        return letter
    return LETTERS[likeness.index(max(likeness))]
