"""A recipe file and overrides -> Recipe, with every mistake named at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_mistakes import mistakes_in
from medadapt.core.search_space import mistakes_of_search
from medadapt.core.strict_yaml import MOST_CHARACTERS, parse_yaml

MOST_MISTAKES = 30
"""Told one by one; a file with more is no recipe, but something else."""


def read_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a file, with `section.key=value` overrides applied.

    Relative paths in it are left as they stand: they are relative to where the command runs.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(MOST_CHARACTERS + 1)  # never a mistaken file of gigabytes
    except OSError as problem:
        raise RecipeError(
            f"{path} cannot be read: {problem.strerror}.",
            "a recipe that may be read",
            "Correct the path or its rights.",
        ) from problem
    except UnicodeDecodeError:
        raise RecipeError(
            f"{path} is not UTF-8 text.", "a YAML recipe in UTF-8", "Save it as UTF-8."
        ) from None
    return recipe_from(parse_yaml(text, str(path)), where=str(path), overrides=overrides)


def recipe_from(values: Any, *, where: str, overrides: Sequence[str] = ()) -> Recipe:
    """Validate plain values as a recipe. Raises one RecipeError that lists every mistake, up to `MOST_MISTAKES`."""
    if not isinstance(values, dict):
        raise RecipeError(
            f"{where} is no recipe: it holds {_kind(values)}.",
            "a YAML mapping with at least `data` and `model`",
            "`medadapt recipes copy symptom-diagnosis-opt-1.3b` writes one to start from.",
        )
    values = copy.deepcopy(values)
    for override in overrides:
        _apply_override(values, override)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as problem:
        raise _mistaken(where, [str(mistake) for mistake in mistakes_in(problem)]) from None
    if mistakes := mistakes_of_search(recipe):
        raise _mistaken(where, mistakes)
    return recipe


def _mistaken(where: str, mistakes: list[str]) -> RecipeError:
    lines = mistakes[:MOST_MISTAKES]
    if more := len(mistakes) - len(lines):
        lines.append(f"... and {more:,} more")
    return RecipeError(
        f"{where} has {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}:\n"
        + "\n".join(f"  {line}" for line in lines),
        "only the keys and values of `medadapt recipes schema`",
        "Correct the lines above.",
    )


def _apply_override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise RecipeError(
            f"--set {override} is not understood.",
            "section.key=value",
            "For example --set training.epochs=1.",
        )
    place: Any = values
    for depth, part in enumerate(path[:-1], 1):
        if place.get(part) is None:
            place[part] = {}
        place = place[part]
        if not isinstance(place, dict):
            key = ".".join(path[:depth])
            raise RecipeError(
                f"--set {override}: '{key}' is a value, not a section.",
                "section.key=value",
                f"Use --set {key}=... instead.",
            )
    if text.startswith("*"):
        place[path[-1]] = text  # a glob: YAML would see an alias, which no recipe has
        return
    if re.search(r"(^|\s)#", text) and text.lstrip()[:1] not in ("'", '"', "[", "{"):
        raise RecipeError(
            f"--set {override}: what follows '#' would be taken for a comment.",
            "a value in quotes where a word of it begins with '#'",
            f"Use --set '{key}=\"...\"'.",
        )
    place[path[-1]] = parse_yaml(text, f"--set {key}") if text.strip() else None


def _kind(value: Any) -> str:
    return {"NoneType": "nothing", "list": "a list", "str": "a single text"}.get(
        type(value).__name__, type(value).__name__
    )
