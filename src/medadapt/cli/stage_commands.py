"""One command a stage. They take a recipe and a run folder, or a run folder alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.core.errors import MedAdaptError

PANEL = "Single stages"


def prepare(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    replace: options.ReplaceStage = False,
    as_json: options.Json = False,
) -> None:
    """Raw data -> 1-records: read, clean and split; every row is accounted for.

    Example: medadapt prepare my-recipe.yaml -o runs/mine
    """
    _run_one("prepare", recipe, output=output, overrides=overrides, replace=replace, as_json=as_json)


def encode(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    jsonl: Annotated[
        bool,
        typer.Option(
            "--jsonl", help="Also write prompt and completion as text: 2-examples/train.jsonl and so on."
        ),
    ] = False,
    replace: options.ReplaceStage = False,
    as_json: options.Json = False,
) -> None:
    """1-records -> 2-examples: prompts and answers as tokens.

    Example: medadapt encode runs/mine --jsonl
    """
    _run_one(
        "encode",
        recipe,
        output=output,
        overrides=overrides,
        replace=replace,
        as_json=as_json,
        then=_write_jsonl if jsonl else None,
    )


def train(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    replace: options.ReplaceStage = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """2-examples -> 3-adapter: train, going on from the last checkpoint.

    Example: medadapt train runs/mine --device cuda
    """
    _run_one(
        "train", recipe, output=output, overrides=overrides, replace=replace, device=device, as_json=as_json
    )


def predict(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    replace: options.ReplaceStage = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """1-records and 3-adapter -> 4-predictions: base and tuned model answer the test questions.

    Example: medadapt predict runs/mine
    """
    _run_one(
        "predict", recipe, output=output, overrides=overrides, replace=replace, device=device, as_json=as_json
    )


def score(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    replace: options.ReplaceStage = False,
    as_json: options.Json = False,
) -> None:
    """4-predictions -> 5-metrics: scores, intervals, tests and controls. Exit code 3 when a gate fails.

    Example: medadapt score runs/mine --set evaluation.alpha=0.01
    """
    _run_one("score", recipe, output=output, overrides=overrides, replace=replace, as_json=as_json)


def report(
    recipe: options.Recipe,
    output: options.Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing: compute the metrics again and compare them.")
    ] = False,
    replace: options.ReplaceStage = False,
    as_json: options.Json = False,
) -> None:
    """5-metrics -> 6-report: the HTML page and the model card.

    Example: medadapt report runs/mine --verify
    """
    if verify:
        _refuse_changes(overrides, replace=replace)
        _verify(recipe, output=output, as_json=as_json)
    _run_one("report", recipe, output=output, overrides=overrides, replace=replace, as_json=as_json)


def _run_one(
    stage: str,
    recipe: str,
    *,
    output: Path | None,
    overrides: Sequence[str],
    replace: bool,
    as_json: bool,
    device: str = "auto",
    then: Callable[[Path], None] | None = None,
) -> None:
    """Bring one stage up to date; `then` is called with the run's folder once that has succeeded."""
    from medadapt.cli.progress import shown_progress
    from medadapt.cli.show import show_outcome
    from medadapt.workflow.locating import locate
    from medadapt.workflow.outcome import run as run_stages
    from medadapt.workflow.request import RunRequest, check_device

    check_device(device)
    found = locate(recipe, output=output, overrides=overrides)
    request = RunRequest(
        recipe=found.recipe,
        folder=found.folder,
        first=stage,
        last=stage,
        smoke=found.smoke,
        replace=replace,
        device=device,
    )
    with shown_progress() as progress:
        outcome = run_stages(request, progress)
    if then is not None:
        then(outcome.folder)
    show_outcome(outcome, as_json=as_json)
    raise typer.Exit(outcome.exit_code)


def _write_jsonl(folder: Path) -> None:
    from medadapt.cli.console import plain, talk
    from medadapt.core.run_folder import RunFolder
    from medadapt.examples.jsonl_sets import write_jsonl_sets
    from medadapt.workflow.lock import locked

    run = RunFolder(folder)
    with locked(run):
        counts = write_jsonl_sets(run.examples)
    for name, count in counts.items():
        talk.print(plain(f"{run.examples / name}.jsonl: {count} lines"), soft_wrap=True)


def _refuse_changes(overrides: Sequence[str], *, replace: bool) -> None:
    """Raise MedAdaptError where a check that writes nothing is asked for together with a change."""
    asked = ["--set"] * bool(overrides) + ["--replace"] * replace
    if asked:
        raise MedAdaptError(
            f"--verify computes the metrics of the run as it is, so {' and '.join(asked)} would have no effect.",
            "--verify without --set and --replace",
            f"Leave {' and '.join(asked)} out, or leave out --verify to make the report anew.",
        )


def _verify(recipe: str, *, output: Path | None, as_json: bool) -> None:
    from medadapt.cli.console import plain, print_json, results, talk
    from medadapt.core.run_folder import RunFolder
    from medadapt.core.shell_command import command
    from medadapt.workflow.locating import locate_run
    from medadapt.workflow.verifying import verification

    found = locate_run(str(output or recipe))
    verified = verification(found.recipe, RunFolder(found.folder))
    differing, added = verified.differing, verified.added
    edited = [*verified.edited, *verified.edited_beside]
    code = 3 if differing or edited else 0
    if as_json:
        print_json(
            {
                "run": str(found.folder),
                "identical": not (differing or edited),
                "differing": differing,
                "edited": edited,
                "added": added,
                "exit_code": code,
            }
        )
    elif edited:
        talk.print("Not as MedAdapt wrote it:", style="bold red")
        for file in edited:
            talk.print(plain(f"  {file}"), soft_wrap=True)
    elif differing:
        talk.print("metrics.json does not follow from the predictions. Differing keys:", style="bold red")
        for key in differing:
            talk.print(plain(f"  {key}"))
    else:
        results.print("identical: metrics.json follows from the predictions")
    if added and not as_json:
        adding = command("score", found.folder)
        told = f"This version measures more ({', '.join(added)}); `{adding}` adds it."
        talk.print(plain(told), soft_wrap=True)
    raise typer.Exit(code)


def add_to(app: typer.Typer) -> None:
    """Register the commands, in the order of the path."""
    for command in (prepare, encode, train, predict, score, report):
        app.command(rich_help_panel=PANEL)(command)
