"""The generated pages are what the code says now, and leave nothing out."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from shell_blocks import REPOSITORY

from medadapt.core.recipe import Recipe, dump
from medadapt.core.recipe_reading import recipe_from

REFERENCE = REPOSITORY / "docs" / "reference"


@pytest.fixture
def generate(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script `docs/generate.py`."""
    monkeypatch.syspath_prepend(REPOSITORY / "docs")
    return importlib.import_module("generate")


def test_the_committed_pages_are_those_that_the_script_writes(
    generate: ModuleType, capsys: pytest.CaptureFixture[str]
):
    assert generate.main(["--check"]) == 0, f"{capsys.readouterr().out}run: python docs/generate.py"


def test_the_check_names_the_page_that_differs_and_leaves_it(
    generate: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    generate.main([])
    (tmp_path / "recipe.md").write_text("old")
    capsys.readouterr()

    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == "differs from the code: docs/reference/recipe.md\n"
    assert (tmp_path / "recipe.md").read_text() == "old"


def test_the_recipe_page_has_every_key():
    page = (REFERENCE / "recipe.md").read_text(encoding="utf-8")
    values = {
        "data": {"format": "symptom_table", "source": "x", "limit": {"rows": 5}},
        "model": {"base": "y"},
    }
    recipe = dump(recipe_from({**values, "search": {}}, where="test", overrides=()))

    assert [key for key in keys_of(recipe) if f"| `{key}` |" not in page] == []


def keys_of(values: dict, before: str = "") -> list[str]:
    """Every key that a recipe file can hold, `search.vary` and other free mappings as one."""
    free = {"data.columns", "data.aliases", "training.trainer", "search.vary"}
    found = []
    for name, value in values.items():
        key = f"{before}{name}"
        found += keys_of(value, f"{key}.") if isinstance(value, dict) and key not in free else [key]
    return found


def test_the_recipe_page_has_a_heading_for_every_section():
    page = (REFERENCE / "recipe.md").read_text(encoding="utf-8")
    sections = [name for name in Recipe.model_fields if name not in {"name", "seed"}]

    assert [name for name in sections if f"\n## {name}\n" not in page] == []


def test_no_cell_of_a_table_breaks_its_row():
    for path in REFERENCE.glob("*.md"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line.startswith("|---"):
                columns = line.count("|")
                for row in lines[number - 1 :]:
                    if not row.startswith("|"):
                        break
                    assert row.replace("\\|", "").count("|") == columns, f"{path.name}: {row}"
