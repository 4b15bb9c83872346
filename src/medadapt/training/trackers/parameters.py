"""Which settings of a recipe trackers may see."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from medadapt.core.home_folder import in_home
from medadapt.core.recipe import Recipe
from medadapt.models.base_files import looks_like_path


def tracked_parameters(recipe: Recipe) -> dict[str, Any]:
    """The settings that are handed to trackers: how was trained, nothing of the data and no local path."""
    base, trained = recipe.model.base, recipe.training.model_dump(mode="json", exclude={"trainer"})
    if looks_like_path(base) or in_home(base).is_dir():  # a smoke run needs no folder that is there
        base = PureWindowsPath(PurePosixPath(base).name).name
    return {
        "seed": recipe.seed,
        "model.base": base,
        "model.quantization": recipe.model.quantization,
        "model.precision": recipe.model.precision,
        **{f"lora.{key}": value for key, value in recipe.lora.model_dump(mode="json").items()},
        **{f"training.{key}": value for key, value in trained.items()},
        **{f"training.trainer.{key}": value for key, value in recipe.training.trainer.items()},
    }
