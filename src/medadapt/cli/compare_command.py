"""`medadapt compare`: two finished runs against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options

First = Annotated[str, typer.Argument(metavar="FIRST", help="A finished run folder.")]
Second = Annotated[
    str, typer.Argument(metavar="SECOND", help="Another one, whose tuned model is held against it.")
]
Intersection = Annotated[
    bool,
    typer.Option(
        "--intersection", help="Where the test records differ, compare on those that both runs have."
    ),
]
File = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="Also write the comparison as JSON.")
]


def compare(
    first: First,
    second: Second,
    intersection: Intersection = False,
    output: File = None,
    as_json: options.Json = False,
) -> None:
    """Is the tuned model of one run better than that of another, on the same test records?

    Paired, record by record, with the tests of `medadapt run`. A worse result is no error. Nothing is written
    into the runs.

    Example: medadapt compare runs/rank-16 runs/rank-4
    """
    from medadapt.cli.console import plain, print_json, talk
    from medadapt.cli.progress import shown_progress
    from medadapt.cli.show_comparison import show_comparison
    from medadapt.core.files import write_json
    from medadapt.workflow.comparing import compare_runs, refuse_output

    if output is not None:
        refuse_output(output, (first, second))
    with shown_progress() as progress:
        comparison = compare_runs(first, second, intersection=intersection, progress=progress)
    if output is not None:
        write_json(output, comparison)
        talk.print(plain(f"Comparison: {output}"), soft_wrap=True)
    if as_json:
        print_json(comparison)
    else:
        show_comparison(comparison)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel=options.USE)(compare)
