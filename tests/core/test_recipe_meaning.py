"""A key that nothing reads is refused, never ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from medadapt.core.recipe import Recipe, dump
from medadapt.core.recipe_rules import FORMATS_OF_KEY
from medadapt.core.records import TASK_OF_FORMAT

VALUES = {
    "data.types": ["symptoms"],
    "data.choice_type": "single",
    "data.answer_base": 1,
    "data.limit": {"rows": 5, "by": "explanation_length"},
    "prompt.options": False,
    "prompt.answer": "text",
    "evaluation.soft_match.metric": "rougeL",
    "evaluation.soft_match.threshold": 0.9,
    "evaluation.embedding_model": "a",
    "evaluation.choice_by": "per_byte",
    "evaluation.score_choices": "best",
    "evaluation.permutations": 4,
    "evaluation.also_score": ["text"],
}


def recipe(data_format: str, key: str = "", value: object = None, **evaluation: object) -> Recipe:
    sections: dict[str, Any] = {
        "data": {"format": data_format, "source": "a"},
        "model": {"base": "b"},
        "evaluation": evaluation,
    }
    if key:
        *path, name = key.split(".")
        place: dict[str, Any] = sections
        for part in path:
            place = place.setdefault(part, {})
        place[name] = value
    return Recipe.model_validate(sections)


def with_key(data_format: str, key: str) -> Recipe:
    if key.startswith("data.columns."):
        return recipe(data_format, "data.columns", {key.rpartition(".")[2]: "x"})
    key = key.removesuffix(".by")
    return recipe(data_format, key, VALUES[key])


@pytest.mark.parametrize("data_format", TASK_OF_FORMAT)
@pytest.mark.parametrize("key", FORMATS_OF_KEY)
def test_a_key_is_taken_by_its_formats_and_refused_by_all_others(key: str, data_format: str):
    if data_format in FORMATS_OF_KEY[key]:
        with_key(data_format, key)
        return
    with pytest.raises(ValueError, match="nothing reads") as refusal:
        with_key(data_format, key)
    assert key in str(refusal.value)
    assert ", ".join(FORMATS_OF_KEY[key]) in str(refusal.value)


@pytest.mark.parametrize("data_format", TASK_OF_FORMAT)
def test_defaults_that_are_written_out_are_no_request(data_format: str):
    made = recipe(data_format, "data.limit", {"rows": 5})
    assert Recipe.model_validate(dump(made)) == made


@pytest.mark.parametrize(
    ("data_format", "method"),
    [("symptom_table", "auto"), ("multiple_choice", "score"), ("typed_qa", "score")],
)
def test_a_length_of_answers_that_are_not_written_is_refused(data_format: str, method: str):
    with pytest.raises(ValueError, match=r"max_new_tokens \(only with evaluation\.method: generate\)"):
        recipe(data_format, method=method, max_new_tokens=20)


@pytest.mark.parametrize(
    "likeness",
    [{"embedding_model": "a"}, {"soft_match": {"threshold": 0.9}}, {"soft_match": {"metric": "fuzzy"}}],
)
def test_likeness_of_answers_that_are_not_written_is_refused(likeness: dict[str, Any]):
    with pytest.raises(ValueError, match=r"\(only with evaluation\.method: generate\)"):
        recipe("typed_qa", method="score", **likeness)


@pytest.mark.parametrize(
    ("data_format", "method"), [("symptom_table", "generate"), ("typed_qa", "auto"), ("typed_qa", "generate")]
)
def test_a_length_of_answers_that_are_written_stands(data_format: str, method: str):
    assert recipe(data_format, method=method, max_new_tokens=20).evaluation.max_new_tokens == 20


def test_all_idle_keys_are_told_in_one_message(mistakes: Callable[..., list[str]]):
    (line,) = mistakes(
        "prompt: {options: false}\nevaluation: {max_new_tokens: 9}",
        "data.types=[a]",
        "data.columns.topic=t",
    )
    assert line == (
        "recipe: with data.format 'symptom_table' and evaluation.method 'score' nothing reads data.types (only "
        "for typed_qa); data.columns.topic (only for multiple_choice); prompt.options (only for "
        "multiple_choice); evaluation.max_new_tokens (only with evaluation.method: generate); remove what is "
        "named here, or change the format or method"
    )


@pytest.mark.parametrize(
    "data",
    [
        {"source": "a", "split": {"train": 0.8, "validation": 0, "test": 0.2}},
        {"source": {"train": "a", "test": "b"}},
    ],
)
def test_early_stopping_needs_records_to_watch(data: dict[str, Any]):
    sections = {"data": {"format": "typed_qa", **data}, "model": {"base": "b"}}

    with pytest.raises(ValueError, match="no validation records are held out"):
        Recipe.model_validate({**sections, "training": {"early_stopping": 2}})


def test_early_stopping_watches_a_ready_made_validation_split():
    sources = {"train": "a", "validation": "b", "test": "c"}
    sections = {"data": {"format": "typed_qa", "source": sources}, "model": {"base": "b"}}

    assert Recipe.model_validate({**sections, "training": {"early_stopping": 2}}).training.early_stopping == 2


@pytest.mark.parametrize(
    ("prompt", "evaluation", "told"),
    [
        ({"options": False}, {"permutations": 2}, "prompt.options: false hides them"),
        ({"options": False}, {"also_score": ["letter"]}, "prompt.options: false hides"),
        ({}, {"also_score": ["letter"]}, "'letter' is how options are scored in any case"),
        ({"options": False}, {"also_score": ["text"]}, "'text' is how options are scored in any case"),
        ({"answer": "text_and_explanation"}, {"also_score": ["text"]}, "in any case"),
        ({}, {"also_score": ["text", "text"]}, "names 'text' twice"),
    ],
)
def test_a_way_of_asking_that_asks_nothing_new_is_refused(
    prompt: dict[str, object], evaluation: dict[str, object], told: str
):
    with pytest.raises(ValueError, match=r"also_score|permutations") as refusal:
        recipe("multiple_choice", "prompt", prompt, **evaluation)
    assert told in str(refusal.value)


@pytest.mark.parametrize(("answer", "other"), [("auto", "text"), ("letter", "text"), ("text", "letter")])
def test_options_can_also_be_scored_the_other_way(answer: str, other: str):
    made = recipe("multiple_choice", "prompt.answer", answer, also_score=[other], permutations=4)
    assert made.evaluation.also_score == (other,)


@pytest.mark.parametrize("asked", ["auto", 0, 32])
def test_every_format_has_a_few_shot_control(asked: object):
    for data_format in TASK_OF_FORMAT:
        assert recipe(data_format, few_shot=asked).evaluation.few_shot == asked


@pytest.mark.parametrize("asked", [-1, 33, "all"])
def test_a_number_of_shown_records_that_cannot_be_is_refused(asked: object):
    with pytest.raises(ValueError, match="few_shot"):
        recipe("dialogue", few_shot=asked)


def test_a_margin_of_forgetting_that_nothing_reads_is_refused():
    with pytest.raises(ValueError, match="forgetting_margin"):
        recipe("dialogue", forgetting="off", forgetting_margin=0.2)
    assert recipe("dialogue", forgetting_margin=0.2).evaluation.forgetting_margin == 0.2
