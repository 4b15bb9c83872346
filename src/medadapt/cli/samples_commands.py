"""`medadapt samples`: the sample data sets as files, to look at and to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results

samples = typer.Typer(no_args_is_help=True, help="The sample data sets, as files.")


@samples.command()
def write(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write them; made if it is missing.")
    ],
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, metavar="K", help="Other people and other questions. 0 is the bundled set."
        ),
    ] = 0,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over files of these names that say something else.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Write the five sample data sets and their data card into a folder.

    Example: medadapt samples write my-samples
    """
    from medadapt.samples.generating.contents import sample_contents
    from medadapt.samples.generating.writing import write_files

    contents = sample_contents(seed)
    written = write_files(folder, contents, replace=replace)
    if as_json:
        files = [str(folder / place) for place in contents]
        print_json({"seed": seed, "files": files, "written": [str(path) for path in written]})
        return
    for place in contents:
        path = folder / place
        results.print(plain(f"{'written' if path in written else 'unchanged'}: {path}"))


def add_to(app: typer.Typer) -> None:
    """Register the group."""
    app.add_typer(samples, name="samples", rich_help_panel="Recipes")
