"""`docs/reference/workflows.md` says of every setting what the bundled recipe does with it, and truly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from medadapt.core.recipe import Recipe, dump
from medadapt.core.recipe_reading import read_recipe
from medadapt.samples.bundled import recipe_file, recipe_names

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "workflows.md"
SETTING = re.compile(r"`([a-z]+(?:\.[a-z_]+)*): ([^`]+)`")
SECTIONS = {*Recipe.model_fields}
WORKFLOWS = [name for name in recipe_names() if not name.startswith("demo-")]


def rows() -> list[tuple[str, list[str]]]:
    """(recipe, cells) of every line of the tables that belong to a recipe."""
    found = []
    recipe = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"Recipe \[`(.+?)`\]", line):
            recipe = heading[1]
        if recipe and line.startswith("| ") and not line.startswith("| the workflow |"):
            found.append((recipe, [cell.strip() for cell in line.strip("|").split("|")]))
    return found


def settings() -> list[tuple[str, str, str]]:
    """(recipe, key, value) of every `key: value` in the second column."""
    return [
        (recipe, key, value)
        for recipe, cells in rows()
        for key, value in SETTING.findall(cells[1])
        if key.partition(".")[0] in SECTIONS
    ]


def test_every_bundled_recipe_has_its_table():
    assert {recipe for recipe, _ in rows()} == set(WORKFLOWS)


def test_no_row_is_without_an_answer():
    for recipe, cells in rows():
        assert len(cells) == 3, cells
        assert cells[0], recipe
        assert cells[1], cells[0]


def value_at(recipe: dict[str, Any], key: str) -> Any:
    if key.startswith("search.vary."):
        return recipe["search"]["vary"][key.removeprefix("search.vary.")]
    place: Any = recipe
    for part in key.split("."):
        place = place[part]
    return place


@pytest.mark.parametrize(("recipe", "key", "value"), settings())
def test_the_recipe_holds_what_the_page_says(recipe: str, key: str, value: str):
    asked = yaml.safe_load(value) if value not in ("on", "off") else value

    assert value_at(dump(read_recipe(recipe_file(recipe))), key) == asked


def written_keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Every key that stands in a recipe's own YAML."""
    for key, value in values.items():
        if isinstance(value, dict) and prefix != "search.vary.":  # a range is one value
            yield from written_keys(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_key_that_a_recipe_writes_stands_in_its_table(name: str):
    written = set(written_keys(yaml.safe_load(recipe_file(name).read_text(encoding="utf-8"))))
    in_table = {key for recipe, key, _ in settings() if recipe == name}

    assert written - in_table == {"name"}
