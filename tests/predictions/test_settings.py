from __future__ import annotations

import pytest

from medadapt.core.recipe import Recipe
from medadapt.examples.encoding import EncodedPrompt
from medadapt.predictions.questions import Question, Reference, pose
from medadapt.predictions.settings import PredictionSettings, answer_tokens, prediction_settings


def recipe(data_format: str, **evaluation) -> Recipe:
    return Recipe.model_validate(
        {
            "data": {"format": data_format, "source": "x.csv"},
            "model": {"base": "x"},
            "evaluation": evaluation,
        }
    )


def question(choices: dict[str, list[int]] | None = None) -> Question:
    return Question(
        prompt=EncodedPrompt(text="?", tokens=[3], truncated=False),
        reference=Reference(tokens=[4], num_bytes=1, cut=False),
        choices=choices,
        truncated=False,
    )


@pytest.mark.parametrize(
    ("data_format", "method", "resolved"),
    [
        ("symptom_table", "auto", "score"),
        ("multiple_choice", "auto", "score"),
        ("typed_qa", "auto", "generate"),
        ("dialogue", "score", "score"),
        ("symptom_table", "generate", "generate"),
    ],
)
def test_closed_tasks_are_scored_and_open_ones_also_written(data_format, method, resolved):
    assert prediction_settings(recipe(data_format, method=method), device_type="cpu").method == resolved


def test_open_answers_get_128_tokens_and_the_recipe_overrides_it():
    settings = prediction_settings(recipe("typed_qa"), device_type="cpu")
    assert answer_tokens(settings, question()) == 128
    settings = prediction_settings(recipe("typed_qa", max_new_tokens=7), device_type="cpu")
    assert answer_tokens(settings, question()) == 7


def test_closed_answers_get_room_for_the_longest_choice(byte_tokenizer, encoder_for, diagnoses, exam):
    settings = PredictionSettings(task="diagnosis", method="generate")
    labels = pose(encoder_for(byte_tokenizer), diagnoses, close_choices=True)
    assert answer_tokens(settings, labels[0]) == len(" Diabetes insipidus") + 1 + 2
    letters = pose(encoder_for(byte_tokenizer, "choices", answer="letter"), exam, close_choices=False)
    assert {answer_tokens(settings, asked) for asked in letters} == {8}


def test_an_answer_among_options_gets_room_for_its_own_longest_one():
    settings = PredictionSettings(task="multiple_choice", method="generate")
    assert answer_tokens(settings, question({"A": [5] * 20, "B": [5]})) == 22
    assert answer_tokens(settings, question({"A": [5], "B": [5]})) == 8
    assert answer_tokens(settings, question({"A": [5] * 100, "B": [5]})) == 64


def test_a_closed_task_without_known_choices_gets_room_for_an_open_answer():
    settings = PredictionSettings(task="multiple_choice", method="generate")
    assert answer_tokens(settings, question()) == 128


def test_explained_answers_get_room_for_the_explanation():
    settings = PredictionSettings(task="multiple_choice", method="generate", explained=True)
    assert answer_tokens(settings, question({"A": [5], "B": [5]})) == 128
