"""The bundled recipes: valid, explained, and faithful to the workflows they follow."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import Recipe, dump
from medadapt.core.recipe_reading import read_recipe
from medadapt.samples.bundled import FILE_OF_SAMPLE, recipe_file, recipe_names

DIAGNOSIS = "symptom-diagnosis-opt-1.3b"
SYMPTOM_QA = "symptom-qa-llama-3.2-1b-qlora"
MULTIPLE_CHOICE = "multiple-choice-llama-3.1-8b"
DIALOGUE = "dialogue-biogpt"
OPEN_QA = "medical-qa-mistral-7b-int8"
REFERENCE = sorted([DIAGNOSIS, SYMPTOM_QA, MULTIPLE_CHOICE, DIALOGUE, OPEN_QA])
"""One for each published workflow."""
DEMOS = sorted(f"demo-{task}" for task in FILE_OF_SAMPLE)


def bundled(name: str) -> Recipe:
    return read_recipe(recipe_file(name))


def keys_in(values: Any, prefix: str = "") -> set[str]:
    if not isinstance(values, dict):
        return {prefix}
    return set().union(*(keys_in(value, f"{prefix}.{key}".lstrip(".")) for key, value in values.items()))


def test_there_is_a_recipe_for_each_workflow_and_a_demo_for_each_sample():
    assert recipe_names() == sorted([*REFERENCE, *DEMOS])


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_loads_under_its_own_name(name: str):
    assert bundled(name).name == name


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_sets_only_known_keys(name: str):
    written = keys_in(yaml.safe_load(recipe_file(name).read_text(encoding="utf-8")))

    assert written <= keys_in(dump(bundled(name)))


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_opens_with_hardware_data_and_how_to_launch_it(name: str):
    opening = recipe_file(name).read_text(encoding="utf-8").split("\nname:")[0]

    assert all(line.startswith("#") for line in opening.splitlines() if line)
    for part in (
        "# Hardware",
        "# Data",
        f"medadapt run {name} --smoke",
        f"medadapt run {name} --set data.source=",
    ):
        assert part in opening


@pytest.mark.parametrize("name", REFERENCE)
def test_a_recipe_explains_its_corrections(name: str):
    text = recipe_file(name).read_text(encoding="utf-8")

    assert len(re.findall(r"Corrected: \S", text)) >= 5


def test_diagnosis_recipe_keeps_the_numbers_of_its_workflow():
    recipe = bundled(DIAGNOSIS)

    assert (recipe.lora.rank, recipe.lora.alpha, recipe.lora.dropout) == (16, 32, 0.05)
    training = recipe.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (30, 8, 1e-4)
    assert (training.schedule, training.warmup, training.weight_decay) == ("cosine", 0.1, 0.01)
    assert (training.save_every, training.keep, training.log_every) == ("auto", 3, 10)
    assert recipe.data.split.test == 0.2
    assert (recipe.examples.max_length, recipe.evaluation.max_new_tokens, recipe.seed) == (384, 20, 42)


def test_symptom_qa_recipe_keeps_the_numbers_of_its_workflow():
    recipe = bundled(SYMPTOM_QA)

    assert recipe.data.types == ("symptoms",)
    assert recipe.lora.targets == ("q_proj", "v_proj")
    assert recipe.model.quantization == "nf4"
    assert (recipe.training.epochs, recipe.training.batch_size, recipe.training.learning_rate) == (5, 4, 1e-4)
    split = recipe.data.split
    assert (split.train, split.validation, split.test) == (0.8, 0.1, 0.1)


def test_multiple_choice_recipe_keeps_the_choices_of_its_workflow():
    recipe = bundled(MULTIPLE_CHOICE)

    assert recipe.data.choice_type == "single"
    assert recipe.data.limit is not None
    assert (recipe.data.limit.rows, recipe.data.limit.by) == (10_000, "explanation_length")
    assert (recipe.prompt.template, recipe.prompt.options) == ("medical_question", False)
    assert recipe.prompt.answer == "text_and_explanation"
    assert recipe.model.quantization == "nf4"


def test_dialogue_recipe_searches_what_its_workflow_searches():
    recipe = bundled(DIALOGUE)

    assert recipe.training.epochs == 1
    assert recipe.search is not None
    assert set(recipe.search.vary) == {"training.learning_rate", "training.weight_decay"}


def test_open_question_recipe_keeps_the_numbers_of_its_workflow():
    recipe = bundled(OPEN_QA)

    assert (recipe.lora.rank, recipe.lora.alpha, recipe.lora.dropout) == (16, 32, 0.1)
    assert len(recipe.lora.targets) == 7
    training = recipe.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (3, 16, 1e-4)
    assert (training.warmup, training.weight_decay, training.max_grad_norm) == (100, 0.01, 0.3)
    assert (training.eval_every, training.save_every, training.log_every) == (50, "auto", 10)
    assert training.checkpointing == "on"
    assert (recipe.model.quantization, recipe.model.precision, recipe.model.offload) == (
        "int8",
        "fp32",
        "cpu",
    )
    assert not recipe.model.trust_remote_code
    assert recipe.examples.max_length == 1024


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_recipes_use_the_plain_prompt(name: str):
    assert bundled(name).prompt.chat_template == "never"


@pytest.mark.parametrize("name", DEMOS)
def test_a_demo_recipe_needs_nothing_but_the_package(name: str):
    recipe = bundled(name)

    assert recipe.data.source == f"sample:{name.removeprefix('demo-')}"
    assert recipe.model.base == "sample:base"
    assert recipe.training.tracking == ()


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError) as refusal:
        recipe_file("symptom-diagnosis-opt")

    assert f"did you mean '{DIAGNOSIS}'" in refusal.value.problem


def test_a_recipe_name_is_never_a_path():
    with pytest.raises(RecipeError):
        recipe_file("../recipes/symptom-diagnosis-opt-1.3b")
