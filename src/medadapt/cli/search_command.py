"""`medadapt search`: try settings, keep the winner, and measure it once."""

from __future__ import annotations

from typing import Annotated

import typer

from medadapt.cli import options

Trials = Annotated[int | None, typer.Option("--trials", min=1, metavar="N", help="How many settings to try.")]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace",
        help="Begin the search anew where recipe or ranges changed; else try what failed again.",
    ),
]


def search(
    recipe: options.Recipe,
    output: options.Output = None,
    trials: Trials = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    smoke: options.Smoke = False,
    replace: Replace = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Try several settings, judge them on validation alone, and measure the winner on test.

    The recipe's `search.vary` says what to try; without it the learning rate is varied. A second call goes on
    where the first one ended.

    Example: medadapt search my-recipe.yaml --trials 8
    """
    from medadapt.cli.console import print_json, talk
    from medadapt.cli.progress import shown_progress
    from medadapt.cli.show import outcome_values, show_outcome
    from medadapt.cli.show_search import search_values, show_trials
    from medadapt.workflow.locating import locate
    from medadapt.workflow.request import RunRequest, check_device
    from medadapt.workflow.search.searching import search as run_search

    check_device(device)
    if trials is not None:
        overrides = [*overrides, f"search.trials={trials}"]
    found = locate(recipe, output=output, overrides=overrides, smoke=smoke)
    if found.smoke:
        talk.print("Smoke run: a tiny random base, few rows and at most 3 trials. It shows that all works.")
    request = RunRequest(
        recipe=found.recipe, folder=found.folder, smoke=found.smoke, replace=replace, device=device
    )
    with shown_progress() as progress:
        done = run_search(request, progress)
    if as_json:
        print_json({**outcome_values(done.winner), "search": search_values(done.search)})
    else:
        show_trials(done.search)
        show_outcome(done.winner, as_json=False)
    raise typer.Exit(done.winner.exit_code)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole path")(search)
