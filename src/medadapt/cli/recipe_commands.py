"""`medadapt recipes`: the bundled recipes and the schema that all recipes follow."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results

recipes = typer.Typer(no_args_is_help=True, help="Bundled recipes, to run as they are or to start from.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="One of `medadapt recipes list`.")]


@recipes.command("list")
def list_recipes(as_json: options.Json = False) -> None:
    """Names of the bundled recipes, with what they do.

    Example: medadapt recipes list
    """
    from medadapt.samples import recipe_file, recipe_names

    found = {name: _first_sentence(recipe_file(name)) for name in recipe_names()}
    if as_json:
        print_json({"recipes": [{"name": name, "description": text} for name, text in found.items()]})
        return
    for name, text in found.items():
        results.print(plain(name, "bold"))
        results.print(plain(f"  {text}"))


@recipes.command()
def show(name: Name) -> None:
    """Print a bundled recipe with its comments.

    Example: medadapt recipes show symptom-diagnosis-opt-1.3b
    """
    from medadapt.samples import recipe_file

    sys.stdout.write(recipe_file(name).read_text(encoding="utf-8"))


@recipes.command()
def copy(
    name: Name,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: NAME.yaml in this folder.")
    ] = None,
) -> None:
    """Copy a bundled recipe, to change it. An existing file is never overwritten.

    Example: medadapt recipes copy symptom-diagnosis-opt-1.3b -o mine.yaml
    """
    from medadapt.core.errors import RecipeError
    from medadapt.core.files import write_text
    from medadapt.samples import recipe_file

    source = recipe_file(name)
    target = output or Path(source.name)
    if target.exists():
        raise RecipeError(f"{target} is already there.", "a new file", "Choose another name with -o.")
    if not target.parent.is_dir():
        raise RecipeError(
            f"{target.parent} is no folder.", "an existing folder", "Choose another place with -o."
        )
    write_text(target, source.read_text(encoding="utf-8"))
    results.print(plain(f"written: {target}"))


@recipes.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for completion in an editor.

    Example: medadapt recipes schema > recipe.schema.json
    """
    from medadapt.core.recipe import Recipe

    sys.stdout.write(json.dumps(Recipe.model_json_schema(), ensure_ascii=False, indent=2) + "\n")


def _first_sentence(path: Path) -> str:
    """The first comment of a recipe up to its full stop, as one line."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
        if lines[-1].endswith(".") or (not lines[-1] and any(lines)):
            break
    return " ".join(line for line in lines if line)


def add_to(app: typer.Typer) -> None:
    """Register the group."""
    app.add_typer(recipes, name="recipes", rich_help_panel="Recipes")
