"""training.trainer: what reaches TRL, and what is refused with the way out."""

from __future__ import annotations

import dataclasses
import importlib.util

import pytest

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import Recipe
from medadapt.training.trainer_settings import (
    BY_COMMAND,
    KEY_OF,
    PASSED_ON,
    check_trainer_settings,
    refuse_without_gpu,
)


def recipe(**training) -> Recipe:
    return Recipe.model_validate(
        {
            "data": {"format": "typed_qa", "source": "unused"},
            "model": {"base": "some/base"},
            "training": {"backend": "trl"} | training,
        }
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "neftune_alpha",
            "neftune_alpha: SFTConfig has no such setting; did you mean 'neftune_noise_alpha'?",
        ),
        ("learning_rate", "learning_rate: set training.learning_rate instead"),
        ("per_device_train_batch_size", "set training.batch_size and training.micro_tokens instead"),
        ("output_dir", "output_dir: use -o on the command line instead"),
        ("bf16", "bf16: set model.precision instead"),
        ("packing", "packing: it would have no effect here"),
        ("push_to_hub", "push_to_hub: it would have no effect here"),
    ],
)
def test_a_setting_that_cannot_be_passed_on_is_refused_with_the_way_out(name, said):
    with pytest.raises(RecipeError) as caught:
        check_trainer_settings(recipe(trainer={name: 1, "optim": "adamw_torch"}))
    assert said in caught.value.problem
    assert "optim:" not in caught.value.problem


def test_every_mistake_is_named_at_once():
    with pytest.raises(RecipeError) as caught:
        check_trainer_settings(recipe(trainer={"seed": 1, "packing": True, "nonsense_zzz": 1}))
    assert caught.value.problem.count("\n") == 3


def test_settings_that_are_passed_on_are_taken():
    check_trainer_settings(recipe(trainer={"neftune_noise_alpha": 5, "loss_type": "dft"}))


def test_the_tables_name_settings_that_this_version_of_trl_has_and_none_twice():
    from trl import SFTConfig

    fields = {field.name for field in dataclasses.fields(SFTConfig)}
    tables = [set(PASSED_ON), set(KEY_OF), set(BY_COMMAND)]
    assert set().union(*tables) <= fields
    assert sum(map(len, tables)) == len(set().union(*tables))


def test_every_key_that_a_setting_is_replaced_by_is_one_of_the_recipe():
    values = recipe().model_dump()
    for keys in KEY_OF.values():
        for key in keys.split(" and "):
            place = values
            for part in key.split("."):
                assert part in place, key
                place = place[part]


def test_without_trl_the_install_line_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RecipeError, match=r"pip install 'medadapt\[trl\]'"):
        check_trainer_settings(recipe())


def test_with_the_engine_nothing_is_looked_at(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    check_trainer_settings(recipe(backend="native"))


@pytest.mark.parametrize("setting", [{"save_every": 5}, {"keep": 1}])
def test_checkpoint_settings_are_refused_where_trl_would_ignore_them(setting):
    with pytest.raises(ValueError, match="backend trl saves no checkpoints"):
        recipe(**setting)


def test_dora_on_8_bit_weights_is_refused_before_peft_fails_on_it():
    asked = recipe()
    asked = asked.model_copy(
        update={
            "lora": asked.lora.model_copy(update={"variant": "dora"}),
            "model": asked.model.model_copy(update={"quantization": "int8"}),
        }
    )

    with pytest.raises(RecipeError, match=r"dora on model\.quantization int8"):
        check_trainer_settings(asked)


def test_a_setting_for_a_gpu_is_refused_without_one():
    with pytest.raises(RecipeError, match="but this is cpu"):
        refuse_without_gpu({"activation_offloading": True}, "cpu")
    refuse_without_gpu({"activation_offloading": True}, "cuda")
    refuse_without_gpu({"activation_offloading": False}, "cpu")
