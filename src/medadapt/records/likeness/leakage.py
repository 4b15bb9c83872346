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
from medadapt.records.likeness.exchanges import asked_earlier, earlier_answers
from medadapt.records.likeness.groups import GroupRule
from medadapt.records.likeness.near_duplicates import THRESHOLD, near_matches
from medadapt.records.likeness.windows import distinct

MOST_EXAMPLES = 10

WithTexts = tuple[Sequence[Record], Sequence[str]]
"""Records, and the input of each."""
OF_CLOSED = {"share": None, "words": None, "passage": None, "reason": "labels and options repeat by nature"}


def measure_leakage(
    parts: Mapping[SplitName, Sequence[Record]], rule: GroupRule, *, task: Task, grouped_splits: bool = True
) -> dict[str, Any]:
    """Test records of which something is also in train or validation, measured on the finished splits.

    `exact` counts equal inputs in normal form, `near` those with a similarity of at least 0.8 (character
    5-grams, Jaccard), the exact ones included. An input equal to that of an earlier question within a dialogue counts:
    earlier answers are learned like last ones. `question_containment` and `answer_containment` count records of whose
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
    first_seen, near = _matches((test, inputs["test"]), (seen, seen_texts), rule)
    first_train, near_train = _matches(
        (parts["validation"], inputs["validation"]), (parts["train"], inputs["train"]), rule
    )
    examples = [
        {"test": record.id, "seen": seen[first_seen.get(text, number)].id, "exact": text in first_seen}
        for record, text, number in zip(test, inputs["test"], near, strict=True)
        if number is not None
    ]
    examples.sort(key=lambda pair: not pair["exact"])
    questions = split_texts(inputs["test"], inputs["train"], inputs["validation"])
    own = {name: [record.answer for record in records] for name, records in parts.items()}
    earlier = [answer for record in seen for answer in earlier_answers(record)]
    answers = split_texts(own["test"], own["train"], [*own["validation"], *earlier])
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
            "exact": sum(text in first_train for text in inputs["validation"]),
            "near": sum(number is not None for number in near_train),
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
    """How many test answers equal a training answer, a last one or an earlier one."""
    known = {answer_form(text) for record in train for text in (record.answer, *earlier_answers(record))}
    return sum(answer_form(record.answer) in known for record in test)


def _matches(asked: WithTexts, seen: WithTexts, rule: GroupRule) -> tuple[dict[str, int], list[int | None]]:
    """What was seen: each such input with the first record that has it, and for each record asked one like it.

    Records seen are told by their numbers. Where no whole input is equal or near, that of an earlier question within
    a dialogue counts if it is equal.
    """
    (_, texts), (seen_records, seen_texts) = asked, seen
    first = asked_earlier(texts, seen_records)
    first |= {text: number for number, text in reversed(list(enumerate(seen_texts)))}
    near = _near_matches(asked, seen, rule)
    return first, [
        first.get(text) if number is None else number for text, number in zip(texts, near, strict=True)
    ]


def _near_matches(asked: WithTexts, seen: WithTexts, rule: GroupRule) -> list[int | None]:
    """For each record asked the number of one seen whose input is near it as a whole, or None.

    Under the rule `near`, texts that are near each other have one group, so only texts whose group stands on both
    sides are compared; splits that kept groups together leave none. That the groups hold all near texts is not
    looked at again here.
    """
    groups = [[record.group for record in records] for records, _ in (asked, seen)]
    shared = set(groups[0]) & set(groups[1])
    chosen, among = (
        [place for place, group in enumerate(each) if rule != "near" or group in shared] for each in groups
    )
    found = near_matches([asked[1][place] for place in chosen], [seen[1][place] for place in among])
    matches: list[int | None] = [None] * len(asked[1])
    for place, match in zip(chosen, found, strict=True):
        matches[place] = None if match is None else among[match]
    return matches
