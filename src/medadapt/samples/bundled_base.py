"""Where the bundled base model lies, which a recipe names `sample:base`."""

from __future__ import annotations

from pathlib import Path

from medadapt.core.errors import RecipeError
from medadapt.core.nearest import did_you_mean
from medadapt.samples.bundled import FOLDER

SAMPLE_BASE = "sample:base"
"""How a recipe names the bundled base model."""
BASE = FOLDER / "base"
"""Its files: a model folder like any other."""


def base_folder(name: str = SAMPLE_BASE) -> Path | None:
    """The folder behind `model.base: sample:base`; None for a name that means no bundled base.

    Raises RecipeError for an unknown name behind `sample:`.
    """
    if not name.startswith("sample:"):
        return None
    if name != SAMPLE_BASE:
        raise RecipeError(
            f"there is no bundled base called '{name}'{did_you_mean(name, [SAMPLE_BASE]) or '.'}",
            f"{SAMPLE_BASE}, a model folder, or a hub id such as facebook/opt-1.3b",
            "Correct model.base.",
        )
    return BASE
