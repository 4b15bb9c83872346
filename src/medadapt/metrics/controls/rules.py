"""The controls: what a score has to beat before it means anything.

Rules need no language model:

`majority`
    always the most frequent label (or letter) of the training records, ties going to the first in
    alphabetical order.
`nearest_neighbour`
    the answer of the training record with the most similar input (`neighbours.py`); in multiple choice the option
    that resembles the copied answer most, the first of equals, and the copied letter where no option has anything
    in common with it.
`class_prior`
    an answer drawn as often as it stands in training (`drawn.py`).
`tfidf`
    what counting words can tell (`word_classifier.py`).
`longest_option`
    in multiple choice the longest option, the first of equals: writers of questions tend to explain the right one.

To open questions the controls write texts: `nearest_neighbour` the whole answer of that training record,
`majority` the most frequent training answer, where one stands at least twice, `class_prior` any training answer.

Two controls are answers of a model, made by the predict stage: `options_only`, the tuned model without the
question, and `few_shot`, the base with examples of the training records in its prompt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from medadapt.core.records import LETTERS, Record, Task
from medadapt.metrics.controls.drawn import drawn_answers, drawn_letters
from medadapt.metrics.controls.neighbours import jaccard, nearest_records
from medadapt.metrics.controls.word_classifier import labels_by_words, letters_by_words, too_many_labels
from medadapt.metrics.marking.marks import truths
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.grams import gram_sets

RULES = ("majority", "nearest_neighbour", "class_prior", "tfidf", "longest_option")
ASKED = ("options_only", "few_shot")
CONTROLS = (*RULES, *ASKED)

NO_TRAINING = "there are no training records for a control to answer from"
NO_OPTIONS = "only multiple choice has options"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleAnswers:
    """What the rules answer to the test records; every rule is in one of the two."""

    given: dict[str, list[str]]
    """control -> a label, letter or text for each test record."""
    absent: dict[str, str]
    """control -> why it has no answers."""


def control_decisions(
    task: Task, train: Sequence[Record], test: Sequence[Record], *, seed: int
) -> RuleAnswers:
    """The label or letter each rule gives to the test records of a closed task."""
    given: dict[str, list[str]] = {}
    absent: dict[str, str] = {}
    if task == "multiple_choice":
        given["longest_option"] = longest_option(test)
    else:
        absent["longest_option"] = NO_OPTIONS
    answers = truths(task, train)
    if not answers:
        untrained = {name: NO_TRAINING for name in RULES if name not in given}
        return RuleAnswers(given=given, absent={**untrained, **absent})
    given["majority"] = majority(answers, len(test))
    given["nearest_neighbour"] = nearest_neighbour(task, train, test)
    if task == "multiple_choice":
        given["class_prior"] = drawn_letters(answers, test, seed)
        given["tfidf"] = letters_by_words(train, test)
        return RuleAnswers(given=given, absent=absent)
    given["class_prior"] = drawn_answers(answers, test, seed)
    if reason := too_many_labels(answers):
        absent["tfidf"] = reason
    else:
        given["tfidf"] = labels_by_words(train, answers, test)
    return RuleAnswers(given=given, absent=absent)


def control_answers(train: Sequence[Record], test: Sequence[Record], *, seed: int) -> RuleAnswers:
    """The text each rule gives to open test questions."""
    absent = {
        "tfidf": "an open question has no fixed answers for a classifier to choose from",
        "longest_option": NO_OPTIONS,
    }
    if not train:
        return RuleAnswers(given={}, absent={**dict.fromkeys(RULES, NO_TRAINING), **absent})
    answers = [record.answer for record in train]
    given = {
        "nearest_neighbour": [answers[index] for index in nearest_records(test, train)],
        "class_prior": drawn_answers(answers, test, seed),
    }
    if len(set(answers)) < len(answers):
        given["majority"] = majority(answers, len(test))
    else:
        absent["majority"] = "no training answer stands twice, so none is the most frequent"
    return RuleAnswers(given=given, absent=absent)


def not_asked(name: str, task: Task, *, no_examples: str | None = None) -> str:
    """Why a control that a model makes has no answers where the predict stage made none.

    `no_examples` is what predict wrote down about the examples that it did not show.
    """
    if name == "few_shot":
        return (
            f"the base was not asked with examples in its prompt{f': {no_examples}' if no_examples else ''}"
        )
    return NO_OPTIONS if task != "multiple_choice" else "the tuned model was not asked without the question"


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


def longest_option(test: Sequence[Record]) -> list[str]:
    """The letter of each record's longest option in characters, the first of equals."""
    lengths = [[len(option) for option in record.options or [""]] for record in test]
    return [LETTERS[each.index(max(each))] for each in lengths]


def _closest_letter(record: Record, answer: str, letter: str) -> str:
    wanted, *options = gram_sets([normal_form(text) for text in (answer, *(record.options or []))])
    likeness = [jaccard(option, wanted) for option in options]
    if max(likeness, default=0) == 0:
        return letter
    return LETTERS[likeness.index(max(likeness))]
