from __future__ import annotations

import json

import yaml

from medadapt.samples import recipe_file as bundled
from medadapt.samples import recipe_names


def test_list_names_every_bundled_recipe_with_a_description(medadapt):
    said = medadapt("recipes", "list", "--json")
    found = json.loads(said.out)
    told = found["recipes"]
    assert said.code == found["exit_code"] == 0
    assert [recipe["name"] for recipe in told] == recipe_names()
    assert all(len(recipe["description"]) > 20 for recipe in told)


def test_show_prints_the_recipe_as_it_is(medadapt):
    name = recipe_names()[0]
    assert medadapt("recipes", "show", name).out == bundled(name).read_text(encoding="utf-8")


def test_copy_writes_once_and_never_overwrites(medadapt, tmp_path):
    name = recipe_names()[0]
    assert medadapt("recipes", "copy", name, "-o", "mine.yaml").code == 0
    assert (tmp_path / "mine.yaml").read_text() == bundled(name).read_text()
    (tmp_path / "mine.yaml").write_text("changed")
    said = medadapt("recipes", "copy", name, "-o", "mine.yaml")
    assert said.code == 2
    assert "mine.yaml is already there" in said.err
    assert (tmp_path / "mine.yaml").read_text() == "changed"


def test_copy_to_a_place_that_is_no_folder_is_refused(medadapt, tmp_path):
    (tmp_path / "file").write_text("text")
    said = medadapt("recipes", "copy", recipe_names()[0], "-o", "file/mine.yaml")
    assert said.code == 2
    assert "file is no folder" in said.err


def test_unknown_recipe_gets_the_nearest(medadapt):
    said = medadapt("recipes", "show", "symptom-qa-llama")
    assert said.code == 2
    assert "symptom-qa-llama-3.2-1b-qlora" in said.err


def test_schema_describes_every_section_of_a_bundled_recipe(medadapt):
    schema = json.loads(medadapt("recipes", "schema").out)
    recipe = yaml.safe_load(bundled(recipe_names()[0]).read_text(encoding="utf-8"))
    assert recipe.keys() <= schema["properties"].keys()
    assert set(schema["required"]) == {"data", "model"}
    lora = schema["$defs"]["LoraSection"]["properties"]
    assert lora["rank"]["description"].startswith("Width of the low-rank update")
