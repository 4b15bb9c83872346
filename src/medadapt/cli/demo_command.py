"""`medadapt demo`: the whole path on sample data and the sample base, offline, with the proof at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medadapt.cli import options
from medadapt.core.shell_command import command

if TYPE_CHECKING:
    from medadapt.workflow.demo import FinishedDemo


class TaskWord(StrEnum):
    """The tasks, as words of the command line."""

    SYMPTOMS = "symptoms"
    TYPED_QA = "typed_qa"
    DIALOGUES = "dialogues"
    QA = "qa"
    MCQ = "mcq"


Task = Annotated[
    TaskWord | None,
    typer.Option("--task", metavar="TASK", help=f"One of {', '.join(TaskWord)}. Default: symptoms."),
]
All = Annotated[bool, typer.Option("--all", help="All five tasks, one after the other.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="RUN", help="The run folder; with --all, the other tasks stand beside it "
        "with their names. Default: runs/demo, or runs/demo-TASK.",
    ),
]  # fmt: skip


def demo(
    task: Task = None,
    every: All = False,
    output: Output = None,
    overrides: options.Set = [],  # noqa: B006 - Typer copies it
    replace: options.Replace = False,
    device: options.Device = "cpu",
    as_json: options.Json = False,
) -> None:
    """Tune the sample base on sample data and see whether it helped: offline, without a GPU.

    A second call skips what is done and goes on with what was stopped.

    Example: medadapt demo
    """
    from medadapt.core.errors import MedAdaptError
    from medadapt.workflow.request import check_device

    check_device(device)
    if task and every:
        raise MedAdaptError("--task and --all are both given.", "one of them", "Leave one out.")
    command = _command(task, every=every, output=output, overrides=overrides, device=device)
    with _stoppable(command):
        from medadapt.cli.console import print_json
        from medadapt.cli.progress import shown_progress
        from medadapt.cli.show_demo import demo_values, show_demo, show_next, show_opening, show_summary
        from medadapt.workflow.demo import DEMOS, demo_folder, demo_request, is_on_samples, run_demo

        names = tuple(DEMOS) if every else ((task or TaskWord.SYMPTOMS).value,)
        # All recipes first: a mistake in --set is told before the first of them runs.
        requests = [
            demo_request(
                name,
                demo_folder(name, output, among_all=every),
                overrides=overrides,
                replace=replace,
                device=device,
                command=command,
            )
            for name in names
        ]
        pairs = list(zip(names, requests, strict=True))
        show_opening(names, on_samples=all(is_on_samples(name, request.recipe) for name, request in pairs))
        done: list[FinishedDemo] = []
        for name, request in pairs:
            with shown_progress() as progress:
                done.append(run_demo(name, request, progress))
            if not as_json:
                show_demo(done[-1])
        code = max(each.outcome.exit_code for each in done)
        if as_json:
            values = {each.task: demo_values(each) for each in done}
            print_json({"exit_code": code, "demos": values} if every else values[names[0]])
        else:
            if every:
                show_summary(done)
            show_next(done[0])
    raise typer.Exit(code)


def _command(
    task: TaskWord | None, *, every: bool, output: Path | None, overrides: Sequence[str], device: str
) -> str:
    """The shell command that goes on with this demo."""
    words = ["--all"] if every else ["--task", task.value] if task else []
    words += ["-o", str(output)] if output else []
    words += [word for override in overrides for word in ("--set", override)]
    words += ["--device", device] if device != "cpu" else []
    return command("demo", *words)


@contextmanager
def _stoppable(command: str) -> Iterator[None]:
    """Ctrl-C between two stages, where nothing is under way, ends without a traceback too."""
    from medadapt.core.errors import StoppedError

    try:
        yield
    except KeyboardInterrupt as problem:
        raise StoppedError("Stopped. What was done is saved.", remedy=f"`{command}` goes on.") from problem


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel="The whole path")(demo)
