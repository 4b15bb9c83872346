"""The command that goes on with a search says all that the run's own recipe does not."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.files import write_text
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import read_recipe, recipe_from
from medadapt.core.recipe_writing import recipe_text
from medadapt.workflow.request import RunRequest
from medadapt.workflow.search.resuming import search_command


def recipe(**sections: Any) -> Recipe:
    values = {"data": {"format": "symptom_table", "source": "a.csv"}, "model": {"base": "some/base"}}
    return recipe_from(values | sections, where="test")


def words_for(folder: Path, asked: Recipe) -> list[str]:
    return shlex.split(search_command(RunRequest(recipe=asked, folder=folder)))


@pytest.mark.parametrize(
    "sections",
    [
        {"training": {"learning_rate": 1e-8, "backend": "trl", "trainer": {"adam_epsilon": 1e-9}}},
        {"training": {"max_grad_norm": None, "tracking": []}, "lora": {"targets": ["q_proj", "v_proj"]}},
        {"prompt": {"system": "Say: 'so' #1\n\u00e9\u2028\U0001f600 {x} \"y\""}},
        {"data": {"format": "symptom_table", "source": "*/b.csv", "aliases": {"heart. attack": "MI\n"}}},
        {"search": {"trials": 3, "vary": {"lora.rank": [2, 4]}}, "seed": 3},
    ],
)
def test_what_is_asked_otherwise_comes_back_from_the_command(tmp_path: Path, sections: dict[str, Any]):
    write_text(tmp_path / "recipe.yaml", recipe_text(recipe()))
    asked = recipe(**sections)

    words = words_for(tmp_path, asked)

    settings = [word for before, word in pairwise(words) if before == "--set"]
    assert read_recipe(tmp_path / "recipe.yaml", settings) == asked


def test_only_what_another_recipe_is_refused_for_needs_replace(tmp_path: Path):
    assert words_for(tmp_path, recipe(seed=1)) == ["medadapt", "search", str(tmp_path)]
    write_text(tmp_path / "recipe.yaml", recipe_text(recipe()))
    assert words_for(tmp_path, recipe()) == ["medadapt", "search", str(tmp_path)]
    assert words_for(tmp_path, recipe(seed=1))[3:] == ["--set", "seed=1", "--replace"]
    assert words_for(tmp_path, recipe(evaluation={"alpha": 0.1}))[3:] == ["--set", "evaluation.alpha=0.1"]
