"""How many test questions the model may have met in training, and how many validation questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from medadapt.core.records import Record, SplitName, Task
from medadapt.records.cleaning.texts import answer_form
from medadapt.records.likeness.containment import (
    CONTAINED,
    boilerplate,
    contained_shares,
    containment,
    split_texts,
)
from medadapt.records.likeness.duplicates import input_text
from medadapt.records.likeness.groups import GroupRule
from medadapt.records.likeness.near_duplicates import THRESHOLD, near_matches
from medadapt.records.likeness.windows import distinct

MOST_EXAMPLES = 10

ORDER: tuple[SplitName, ...] = ("test", "train", "validation")
TextsAndGroups = tuple[Sequence[str], Sequence[str]]
"""Inputs, and the group of each."""
OF_CLOSED = {"share": None, "words": None, "passage": None, "reason": "labels and options repeat by nature"}


def measure_leakage(
    parts: Mapping[SplitName, Sequence[Record]], rule: GroupRule, *, task: Task, grouped_splits: bool = True
) -> dict[str, Any]:
    """Test records of which something is also in train or validation, measured on the finished splits.

    `exact` counts equal inputs in normal form, `near` those with a similarity of at least 0.8 (character
    5-grams, Jaccard), the exact ones included. `question_containment` and `answer_containment` count records of whose
    input, or answer, half stands word for word in the records seen (`containment.py`), and `boilerplate` says how
    much of the test answers does in training answers.

    `gated` names what stops a run: equal inputs, and near copies where the split kept them together, which
    ready-made splits (`grouped_splits=False`) were not made to do. `flagged` names for each test record that leaks
    the layers in which it does: `exact`, `near`, `question`, `answer`. An answer is a layer of open questions only:
    a label stands in training by nature, and so do many options, without anything having leaked.

    `validation` counts the validation records whose input is also in train: a validation loss measured on
    them flatters. They stop nothing, because no verdict rests on them.
    """
    inputs = {name: [input_text(record) for record in records] for name, records in parts.items()}
    test, seen = parts["test"], [*parts["train"], *parts["validation"]]
    seen_texts = [*inputs["train"], *inputs["validation"]]
    first_seen = {text: number for number, text in reversed(list(enumerate(seen_texts)))}
    groups = {name: [record.group for record in records] for name, records in parts.items()}
    seen_groups = [*groups["train"], *groups["validation"]]
    near = _near_matches((inputs["test"], groups["test"]), (seen_texts, seen_groups), rule)
    train_texts = set(inputs["train"])
    validation_near = _near_matches(
        (inputs["validation"], groups["validation"]), (inputs["train"], groups["train"]), rule
    )
    examples = [
        {"test": record.id, "seen": seen[first_seen.get(text, number)].id, "exact": text in first_seen}
        for record, text, number in zip(test, inputs["test"], near, strict=True)
        if number is not None
    ]
    examples.sort(key=lambda pair: not pair["exact"])
    questions = split_texts(inputs["test"], inputs["train"], inputs["validation"])
    answers = split_texts(*([record.answer for record in parts[name]] for name in ORDER))
    in_questions, in_answers = (
        contained_shares(each.test, distinct(each.seen)) for each in (questions, answers)
    )
    layers = {
        "exact": [text in first_seen for text in inputs["test"]],
        "near": [number is not None for number in near],
        "question": (in_questions >= CONTAINED).tolist(),
        "answer": (in_answers >= CONTAINED).tolist() if task == "qa" else [False] * len(test),
    }
    return {
        "exact": sum(layers["exact"]),
        "near": sum(layers["near"]),
        "threshold": THRESHOLD,
        "gated": ["exact", "near"] if rule == "near" and grouped_splits else ["exact"],
        "question_containment": containment(in_questions),
        "answer_containment": {**containment(in_answers), "exact": _equal_answers(test, parts["train"])},
        "boilerplate": boilerplate(answers) if task == "qa" else OF_CLOSED,
        "flagged": _flagged(test, layers),
        "validation": {
            "exact": sum(text in train_texts for text in inputs["validation"]),
            "near": sum(number is not None for number in validation_near),
        },
        "examples": examples[:MOST_EXAMPLES],
    }


def _flagged(test: Sequence[Record], layers: Mapping[str, Sequence[bool]]) -> dict[str, list[str]]:
    """The layers in which each test record leaks; records that leak in none are left out."""
    found = {
        record.id: [layer for layer, leaks in layers.items() if leaks[place]]
        for place, record in enumerate(test)
    }
    return {name: leaks for name, leaks in found.items() if leaks}


def _equal_answers(test: Sequence[Record], train: Sequence[Record]) -> int:
    """How many test answers equal a training answer."""
    known = {answer_form(record.answer) for record in train}
    return sum(answer_form(record.answer) in known for record in test)


def _near_matches(asked: TextsAndGroups, seen: TextsAndGroups, rule: GroupRule) -> list[int | None]:
    """For each text asked for the number of a text seen that is near it, or None.

    Under the rule `near`, texts that are near each other have one group, so only texts whose group stands on both
    sides are compared; splits that kept groups together leave none. That the groups hold all near texts is not
    looked at again here.
    """
    shared = set(asked[1]) & set(seen[1])
    chosen, among = (
        [place for place, group in enumerate(groups) if rule != "near" or group in shared]
        for _, groups in (asked, seen)
    )
    found = near_matches([asked[0][place] for place in chosen], [seen[0][place] for place in among])
    matches: list[int | None] = [None] * len(asked[0])
    for place, match in zip(chosen, found, strict=True):
        matches[place] = None if match is None else among[match]
    return matches
