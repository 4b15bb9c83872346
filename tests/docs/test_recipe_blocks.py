"""Every recipe, or part of one, that a page shows is valid."""

from __future__ import annotations

import pytest
import yaml
from shell_blocks import REPOSITORY, blocks

from medadapt.core.recipe_reading import recipe_from

MISSING = {"data": {"format": "symptom_table", "source": "x.csv"}, "model": {"base": "y"}}
"""Goes with a part of a recipe that leaves these out."""
PARTS = [
    (path.relative_to(REPOSITORY).as_posix(), content)
    for path in [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    for language, content in blocks(path.read_text(encoding="utf-8"))
    if language == "yaml"
]


@pytest.mark.parametrize(("page", "content"), PARTS, ids=[page for page, _ in PARTS])
def test_the_recipe_on_the_page_is_valid(page: str, content: str):
    shown = yaml.safe_load(content)
    recipe = recipe_from({**MISSING, **shown}, where=page, overrides=())
    assert recipe.model_fields_set >= set(shown)  # an unknown key or value raises
