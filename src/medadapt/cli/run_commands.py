"""`medadapt run`: all stages, or a part of them."""

from __future__ import annotations

from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.console import talk

Seeds = Annotated[
    int | None,
    typer.Option(
        "--seeds",
        min=2,
        metavar="K",
        help="Train with K seeds on the same records and show the spread between them.",
    ),
]


def run(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    first: options.From = None,
    last: options.Until = None,
    smoke: options.Smoke = False,
    seeds: Seeds = None,
    replace: options.Replace = False,
    gate: Annotated[
        bool,
        typer.Option(
            "--gate", help="Exit with 3 where tuning is not shown to keep the base's general English."
        ),
    ] = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Run all stages, from raw data to the report.

    A second call skips what is unchanged and resumes what was interrupted.

    Example: medadapt run symptom-diagnosis-opt-1.3b --set data.source=dataset.csv
    """
    from medadapt.cli.progress import shown_progress
    from medadapt.cli.show import show_outcome
    from medadapt.workflow.locating import locate
    from medadapt.workflow.outcome import run as run_stages
    from medadapt.workflow.request import RunRequest, check_device
    from medadapt.workflow.seeding import run_seeds

    check_device(device)
    found = locate(recipe, output=output, overrides=overrides, smoke=smoke)
    if found.smoke:
        talk.print(
            "Smoke run: a tiny random base and few rows. It shows that every stage works, nothing more."
        )
    request = RunRequest(
        recipe=found.recipe,
        folder=found.folder,
        first=first.value if first else None,
        last=last.value if last else None,
        smoke=found.smoke,
        replace=replace,
        gate=gate,
        device=device,
    )
    with shown_progress() as progress:
        outcome = run_seeds(request, seeds, progress) if seeds else run_stages(request, progress)
    show_outcome(outcome, as_json=as_json)
    raise typer.Exit(outcome.exit_code)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole path")(run)
