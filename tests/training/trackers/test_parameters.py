"""What trackers may see of a recipe."""

from __future__ import annotations

import json

import pytest

from medadapt.core.recipe import Recipe
from medadapt.training.trackers.parameters import tracked_parameters


def test_nothing_of_the_data_and_no_local_path_is_handed_over(tmp_path):
    base = tmp_path / "my-base"
    base.mkdir()
    recipe = Recipe.model_validate(
        {
            "data": {"format": "typed_qa", "source": "/clinic/patients.csv", "aliases": {"mi": "infarction"}},
            "prompt": {"system": "Be brief."},
            "model": {"base": str(base)},
            "training": {"backend": "trl", "trainer": {"optim": "adamw_torch"}},
        }
    )
    parameters = tracked_parameters(recipe)
    said = json.dumps(parameters)
    assert not [word for word in ("patients", "infarction", "brief", str(tmp_path)) if word in said]
    assert parameters["model.base"] == "my-base"
    assert parameters["lora.rank"] == 16
    assert parameters["training.trainer.optim"] == "adamw_torch"


@pytest.mark.parametrize(
    "base", ["/home/alice/models/llama", "~/alice/llama/", "../alice/llama", r"C:\alice\models\llama"]
)
def test_of_a_folder_that_is_not_here_only_the_name_is_handed_over(base):
    recipe = Recipe.model_validate(
        {"data": {"format": "typed_qa", "source": "a.csv"}, "model": {"base": base}}
    )
    assert tracked_parameters(recipe)["model.base"] == "llama"


@pytest.mark.parametrize("base", ["facebook/opt-1.3b", "gpt2", "sample:base"])
def test_a_base_of_the_hub_or_of_the_package_keeps_its_whole_name(base):
    recipe = Recipe.model_validate(
        {"data": {"format": "typed_qa", "source": "a.csv"}, "model": {"base": base}}
    )
    assert tracked_parameters(recipe)["model.base"] == base
