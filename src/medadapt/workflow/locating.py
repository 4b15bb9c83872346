"""From the words of a command to a recipe and a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import RecipeError, RunFolderError
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder, no_run
from medadapt.samples import recipe_file, recipe_names
from medadapt.workflow.existing import is_run
from medadapt.workflow.smoke import SUFFIX, smoke_recipe
from medadapt.workflow.state import read_state

RUNS = Path("runs")
RECIPE_ENDINGS = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """What a command works on."""

    recipe: Recipe
    folder: Path
    smoke: bool


def locate(
    target: str, *, output: Path | None, overrides: Sequence[str] = (), smoke: bool = False
) -> Located:
    """The recipe and the run folder that `target` and `-o` mean.

    `target` is the path or the bundled name of a recipe, or an existing run folder, whose own recipe counts
    and which stays a smoke run if it is one. Raises RecipeError and RunFolderError with the way out.
    """
    path = Path(target)
    if is_run(path):
        run = RunFolder(path)
        state = read_state(run)
        if not run.recipe.is_file():
            raise RunFolderError(
                f"{run.recipe} is missing.", "the resolved recipe of the run", "Name the recipe and give -o."
            )
        recipe, smoke = read_recipe(run.recipe, overrides), smoke or bool(state and state.smoke)
        return Located(recipe=smoke_recipe(recipe) if smoke else recipe, folder=output or path, smoke=smoke)
    recipe = read_recipe(_recipe_path(target), overrides)
    default = RUNS / (f"{recipe.name}{SUFFIX}" if smoke else recipe.name)
    return Located(recipe=smoke_recipe(recipe) if smoke else recipe, folder=output or default, smoke=smoke)


def locate_run(target: str) -> Located:
    """An existing run folder. Raises RunFolderError where there is none."""
    if not is_run(Path(target)):
        raise no_run(target)
    return locate(target, output=None)


def _recipe_path(target: str) -> Path:
    path = Path(target)
    if target in recipe_names():
        return recipe_file(target)
    if path.is_file():
        return path
    if path.is_dir():
        raise RunFolderError(
            f"{target} is a folder without a run (there is no run.json in it).",
            "a recipe file, the name of a bundled recipe, or a run folder",
            "Name the recipe.",
        )
    if path.suffix in RECIPE_ENDINGS or len(path.parts) > 1:
        raise RecipeError(
            f"there is no recipe file {target}.",
            f"an existing file, or a bundled recipe: {', '.join(recipe_names())}",
            "Correct the path; `medadapt recipes copy NAME` writes a recipe to start from.",
        )
    return recipe_file(target)
