"""The sets of questions of a run: as usual, and asked in the other ways that show what a score is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from medadapt.core.recipe import Recipe
from medadapt.core.records import LETTERS, Record
from medadapt.examples.answer_room import with_answer_room
from medadapt.examples.encoding import Encoder
from medadapt.examples.few_shot import choose_shown, next_question
from medadapt.examples.templates import asks_for_verdict
from medadapt.predictions.question_sets import QuestionSet
from medadapt.predictions.questions import Question, closes_choices, pose

AUTO_SHOWN = 5
USUAL = 0.9
"""The room for shown records is what at least this share of the questions leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """The records of a run."""

    train: list[Record]
    validation: list[Record]
    test: list[Record]


Ground = Callable[[Encoder, Sequence[Record]], list[Record]]
"""Records -> the same with passages in their prompts."""


def ways_of_asking(
    recipe: Recipe, encoder: Encoder, splits: Splits, ground: Ground | None = None
) -> tuple[list[QuestionSet], dict[str, Any]]:
    """The sets that the recipe asks for, the usual test questions first, and what run.json keeps of them.

    `ground` puts passages into prompts; None where none are asked for. Kept are `few_shot` and, where options are
    moved into fewer orders than asked for, `permutations` with the reason.
    """
    writes, closed = recipe.method == "generate", recipe.task != "qa"
    usual = _posed(encoder, splits.test)
    sets = [QuestionSet(split="test", records=splits.test, questions=usual, written=writes)]
    # Validation records are asked for the sake of probabilities, which single tokens have in any case.
    weighed = recipe.evaluation.score_choices == "all" or all(asked.single_token for asked in usual)
    if closed and weighed and splits.validation:
        further = _posed(encoder, splits.validation)
        sets.append(QuestionSet(split="validation", records=splits.validation, questions=further))
    shown = recipe.evaluation.few_shot
    few_shot, facts = few_shot_set(encoder, splits, usual, asked=shown, seed=recipe.seed, written=writes)
    sets += [few_shot] if few_shot else []
    kept: dict[str, Any] = {"few_shot": facts}
    if ground is not None:
        asked = _posed(encoder, ground(encoder, splits.test))
        sets.append(
            QuestionSet(
                split="test", variant="retrieval", records=splits.test, questions=asked, written=writes
            )
        )
    if recipe.task == "multiple_choice":
        sets.append(options_only_set(encoder, splits.test))
        turned = list(rotated_sets(encoder, splits.test, count=recipe.evaluation.permutations))
        sets += turned
        if (orders := 1 + len(turned)) < recipe.evaluation.permutations:
            most = f"no question shows more than {orders} options, which have {orders} orders"
            kept["permutations"] = {"reason": most if turned else NO_OPTIONS_SHOWN}
        sets += [other_way_set(encoder, splits.test, way) for way in recipe.evaluation.also_score]
    return sets, kept


NO_OPTIONS_SHOWN = "no prompt shows options: all questions are answered with yes, no or maybe"


def few_shot_set(
    encoder: Encoder,
    splits: Splits,
    usual: Sequence[Question],
    *,
    asked: int | Literal["auto"],
    seed: int,
    written: bool,
) -> tuple[QuestionSet | None, dict[str, Any]]:
    """The test questions behind the same few training records with their answers, and what was shown.

    The shown records take only room that neither the question nor its reference answer or a choice needs, so that
    the likelihood covers what it covers in the usual set; a question with less room gets fewer of them. None of
    them is of a group that a test record is of. The set is None where nothing is shown, with the `reason`.
    """
    most = AUTO_SHOWN if asked == "auto" else asked
    facts: dict[str, Any] = {"asked": asked, "shown": [], "questions_with_fewer": 0, "questions_with_none": 0}
    if most == 0:
        return None, {**facts, "reason": "evaluation.few_shot is 0"}
    limits = [_limit(encoder, question) for question in usual]
    rooms = sorted(limit - len(question.prompt.tokens) for limit, question in zip(limits, usual, strict=True))
    room = rooms[math.floor((1 - USUAL) * len(rooms))] if rooms else 0
    groups = {record.group for record in splits.test}
    shown = choose_shown(encoder, splits.train, most=most, room=room, seed=seed, avoid=groups)
    if not shown:
        return None, {
            **facts,
            "reason": f"no training record of another group fits the {max(room, 0)} tokens beside a question",
        }
    prompts = encoder.prompts_after(splits.test, shown, limits=limits)
    questions = pose(encoder, splits.test, close_choices=closes_choices(encoder), prompts=prompts)
    left_out = [prompt.exchanges_left_out for prompt in prompts]
    facts |= {
        "shown": [record.id for record in shown],
        "questions_with_fewer": sum(0 < count < len(shown) for count in left_out),
        "questions_with_none": sum(count == len(shown) for count in left_out),
        "reason": None if len(shown) == most else f"{len(shown)} of {most} fit, or are free to be shown",
    }
    return QuestionSet(
        split="test",
        variant="few_shot",
        models=("baseline",),
        records=splits.test,
        questions=questions,
        written=written,
        over=next_question(encoder, shown),
    ), facts


def options_only_set(encoder: Encoder, test: list[Record]) -> QuestionSet:
    """The options of each test question without the question, its context and earlier turns.

    Where the prompt shows no options, only the template is left of it, and the options are scored after that.
    """
    bare = [replace(record, question="", context=None, history=[]) for record in test]
    return QuestionSet(
        split="test", variant="options_only", models=("tuned",), records=test, questions=_posed(encoder, bare)
    )


def rotated_sets(encoder: Encoder, test: list[Record], *, count: int) -> Iterator[QuestionSet]:
    """The test questions with their options moved on by 1 to `count` - 1 places; nothing where none is shown.

    Choices keep the letters that the options have as usual, so that all sets can be held against each other. Of m
    options, i places are i modulo m, and there are no more sets than the longest list of options has orders. Questions
    for yes, no or maybe show no options and are asked as usual.
    """
    orders = max((len(record.options or ()) for record in test if not _is_fixed(record)), default=1)
    for places in range(1, min(count, orders)):
        turned = [record if _is_fixed(record) else rotated(record, places) for record in test]
        posed = _posed(encoder, turned)
        questions = [
            asked if _is_fixed(record) else _with_first_letters(asked, len(record.options or ()), places)
            for record, asked in zip(test, posed, strict=True)
        ]
        yield QuestionSet(split="test", variant=f"rotated_{places}", records=test, questions=questions)


def rotated(record: Record, places: int) -> Record:
    """The record with its options moved on cyclically: option `places` becomes the first."""
    options = record.options or []
    places %= max(1, len(options))
    index = None if record.answer_index is None else (record.answer_index - places) % len(options)
    return replace(record, options=[*options[places:], *options[:places]], answer_index=index)


def other_way_set(encoder: Encoder, test: list[Record], way: Literal["letter", "text"]) -> QuestionSet:
    """The usual questions, their options scored by letter or by full text instead; from the same prompts."""
    wording = replace(encoder.plan.wording, answer=way)
    other = Encoder(encoder.tokenizer, replace(encoder.plan, wording=wording))
    # A text needs more room behind the prompt than a letter.
    limit = min(encoder.plan.prompt_limit, with_answer_room(other, test).prompt_limit)
    other = Encoder(encoder.tokenizer, replace(other.plan, prompt_limit=limit))
    return QuestionSet(split="test", variant=f"by_{way}", records=test, questions=_posed(other, test))


def _posed(encoder: Encoder, records: Sequence[Record]) -> list[Question]:
    return pose(encoder, records, close_choices=closes_choices(encoder))


def _limit(encoder: Encoder, question: Question) -> int:
    """Most tokens of a prompt that leaves room for all that is measured of this question, and for any answer."""
    choices = (question.choices or {}).values()
    needed = max([len(question.reference.tokens), *(len(tokens) for tokens in choices)])
    return min(encoder.plan.prompt_limit, encoder.max_length - needed)


def _is_fixed(record: Record) -> bool:
    return record.options is None or asks_for_verdict(record)


def _with_first_letters(asked: Question, number: int, places: int) -> Question:
    """The question with the letters that its options had before they moved, in their order."""
    assert asked.choices is not None
    letters = {LETTERS[index]: LETTERS[(index - places) % number] for index in range(number)}
    return replace(
        asked,
        choices={first: asked.choices[now] for first, now in letters.items()},
        choice_bytes={first: asked.choice_bytes[now] for first, now in letters.items()},
    )
