"""The command that goes on with a search, whatever the run it lies in was made from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import yaml

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.core.search_space import recipe_keys, value_at
from medadapt.core.shell_command import command
from medadapt.workflow.request import RunRequest
from medadapt.workflow.stage_inputs import PROTECTED, differences


def search_command(request: RunRequest) -> str:
    """What goes on with this search, and with each run in it: a trial run alone would read the test records.

    A run that was trained keeps its own recipe, so what is searched otherwise is said again.
    """
    words = ["--device", request.device] if request.device != "auto" else []
    own = RunFolder(request.folder).recipe
    try:
        recorded = read_recipe(own) if own.is_file() else None
    except RecipeError:
        recorded = None  # of another version; what follows tells of it, or replaces it
    if recorded is not None:
        words += [word for setting in _settings(recorded, request.recipe) for word in ("--set", setting)]
        words += ["--replace"] if differences(recorded, request.recipe, PROTECTED) else []
    return command("search", request.folder, *words)


def _settings(old: Recipe, new: Recipe) -> Iterator[str]:
    """What makes the new recipe of the old one, as `--set` reads it."""
    for key in recipe_keys():
        value = value_at(new, key)
        if value != value_at(old, key):
            yield f"{key}={_written(value)}"


def _written(value: Any) -> str:
    style = '"' if isinstance(value, str) else None  # no value of one line would do for every text
    text = yaml.safe_dump(
        value, default_style=style, default_flow_style=True, sort_keys=False, width=math.inf
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
