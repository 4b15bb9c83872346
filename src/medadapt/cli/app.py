"""The command `medadapt`: its commands, and what becomes of errors."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from typer.exceptions import TyperException

from medadapt.cli import (
    ask_commands,
    benchmark_commands,
    compare_command,
    demo_command,
    doctor_command,
    index_command,
    recipe_commands,
    run_commands,
    samples_commands,
    search_command,
    serve_command,
    share_commands,
    stage_commands,
    ui_command,
)

if TYPE_CHECKING:
    from medadapt.core.errors import MedAdaptError

QUIET = {
    # Bars and advice of libraries would tear our own output apart; nothing of a run is sent anywhere.
    "DISABLE_TELEMETRY": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Environment of the libraries, where the user has not set it."""

READER_GONE = 141
"""128 + SIGPIPE, as other programs leave behind a closed pipe."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback, without the values of the data
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        from medadapt import __version__

        typer.echo(f"medadapt {__version__}")
        raise typer.Exit


@app.callback()
def medadapt(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Fine-tune open language models on medical question answering, and prove whether it helped.

    Start with: medadapt demo
    """


demo_command.add_to(app)
run_commands.add_to(app)
search_command.add_to(app)
stage_commands.add_to(app)
compare_command.add_to(app)
ask_commands.add_to(app)
ui_command.add_to(app)
serve_command.add_to(app)
index_command.add_to(app)
benchmark_commands.add_to(app)
share_commands.add_to(app)
recipe_commands.add_to(app)
samples_commands.add_to(app)
doctor_command.add_to(app)


def main() -> NoReturn:
    """Run the command line and leave with the exit code that the documentation promises."""
    from medadapt.core.errors import MedAdaptError, ModelError

    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # without UTF-8 a sign becomes `?`, and never a traceback
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # as arguments are read; a question is freed of them
    try:
        code = app(standalone_mode=False)
    except MedAdaptError as problem:
        code = _tell(problem)
    except TyperException as problem:
        from medadapt.cli.usage import usage_error

        code = _tell(usage_error(problem, sys.argv[1:]))
    except SystemExit as problem:
        # Typer leaves with 1, our word for a bug, where the reader of a pipe has gone.
        sys.exit(READER_GONE if isinstance(problem.__context__, BrokenPipeError) else problem.code)
    except Exception as problem:
        if not _memory_ran_out(problem):
            if _wants_json():
                from medadapt.cli.console import print_json

                print_json(
                    {"status": "failed", "exit_code": 1, "problem": f"{type(problem).__name__}: {problem}"}
                )
            raise  # a bug: Python shows where, and leaves with 1
        code = _tell(
            ModelError(
                "Memory ran out.",
                "enough free memory for the base and its data",
                "Close other programs, use a smaller base or model.quantization: nf4, and run the same command again.",
            )
        )
    sys.exit(code if isinstance(code, int) else 0)


def _memory_ran_out(problem: Exception) -> bool:
    """Python says it in one way, torch in several of its own, which are none where torch is not loaded."""
    if isinstance(problem, MemoryError):
        return True
    if "torch" not in sys.modules:
        return False
    from medadapt.models.device import is_out_of_memory

    return is_out_of_memory(problem)


def _tell(problem: MedAdaptError) -> int:
    from medadapt.cli.console import print_json, show_error
    from medadapt.core.errors import StoppedError

    stopped = isinstance(problem, StoppedError)
    code = problem.signal_exit_code if isinstance(problem, StoppedError) else problem.exit_code
    show_error(problem)
    if _wants_json():
        lines = {"problem": problem.problem, "expected": problem.expected, "remedy": problem.remedy}
        print_json({"status": "interrupted" if stopped else "failed", "exit_code": code, **lines})
    return code


def _wants_json() -> bool:
    return "--json" in sys.argv
