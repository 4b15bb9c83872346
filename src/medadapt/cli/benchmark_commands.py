"""A run's models held against the outside: the harness others measure with, and published question sets."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results, talk
from medadapt.cli.replies import stoppable

if TYPE_CHECKING:
    from medadapt.core.results import ModelName


class ModelsWord(StrEnum):
    """Whose answers are compared."""

    BASELINE = "baseline"
    TUNED = "tuned"
    BOTH = "both"


Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder.")]
Python = Annotated[
    Path | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="The interpreter that has lm-evaluation-harness. Default: the one MedAdapt runs in.",
    ),
]
OnOne = Annotated[
    str | None,
    typer.Option(
        "--on",
        metavar="NAME=PATH",
        help="A standard set instead of the run's test records: medqa, medmcqa, pubmedqa or mmlu-medical.",
    ),
]
OnSome = Annotated[
    list[str],
    typer.Option(
        "--on",
        metavar="NAME=PATH",
        help="A standard set and its file, folder or hub:owner/name: medqa, medmcqa, pubmedqa or mmlu-medical. "
        "Repeat it for several.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="So many records, drawn by the run's seed."),
]
Models = Annotated[ModelsWord, typer.Option("--model", metavar="MODEL", help="baseline, tuned or both.")]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, metavar="N", help="Of lm-evaluation-harness.")]


def parity(
    run: Run,
    python: Python = None,
    on: OnOne = None,
    model: Models = ModelsWord.BOTH,
    limit: Limit = None,
    batch_size: BatchSize = 1,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Ask the same records through lm-evaluation-harness, and compare prompts, choices and log-likelihoods.

    Writes 5-metrics/parity.json. Exit code 3 when they do not agree.

    Example: medadapt parity runs/mine --python harness/bin/python --limit 200
    """
    from medadapt.cli.progress import shown_progress
    from medadapt.core.standard_sets import parse_named_source
    from medadapt.workflow.asked_models import asked_run
    from medadapt.workflow.harness_parity.harness import find_harness
    from medadapt.workflow.locating import locate_run
    from medadapt.workflow.request import check_device

    check_device(device)
    source = parse_named_source(on) if on else None
    asked = asked_run(locate_run(run))
    harness = find_harness(python or Path(sys.executable))

    from medadapt.workflow.harness_parity.measuring import RENDERED, ParityRequest, measure_parity

    talk.print(plain(f"Note: {RENDERED}.", "dim"))
    request = ParityRequest(
        run=asked,
        harness=harness,
        models=_names(model),
        source=source,
        limit=limit,
        batch_size=batch_size,
        device=device,
    )
    with stoppable(), shown_progress() as progress:
        done = measure_parity(request, progress)
    code = 0 if done.agrees else 3
    if as_json:
        print_json({**done.values, "exit_code": code})
    else:
        _show_parity(done.values, done.path)
    raise typer.Exit(code)


def benchmark(
    run: Run,
    on: OnSome,
    limit: Limit = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Ask the base and the tuned model published question sets, with the prompts of lm-evaluation-harness.

    Writes 5-metrics/benchmarks/NAME.json. A second call asks only what was not asked yet.

    Example: medadapt benchmark runs/mine --on medmcqa=validation.jsonl --on pubmedqa=ori_pqal.json
    """
    from medadapt.cli.progress import shown_progress
    from medadapt.cli.show_benchmark import show_benchmark
    from medadapt.core.standard_sets import parse_named_sources
    from medadapt.workflow.asked_models import asked_run
    from medadapt.workflow.locating import locate_run
    from medadapt.workflow.request import check_device

    check_device(device)
    sources = parse_named_sources(on)
    asked = asked_run(locate_run(run))

    from medadapt.workflow.benchmarking.session import BenchmarkRequest, run_benchmark

    request = BenchmarkRequest(run=asked, sources=sources, limit=limit, device=device)
    with stoppable(), shown_progress() as progress:
        done = run_benchmark(request, progress)
    if as_json:
        print_json({"sets": done.sets, "together": done.together, "exit_code": 0})
    else:
        show_benchmark(done)


def _names(model: ModelsWord) -> tuple[ModelName, ...]:
    from medadapt.core.results import MODEL_NAMES

    return tuple(name for name in MODEL_NAMES if model in (name, ModelsWord.BOTH))


def _show_parity(values: dict[str, Any], path: Path) -> None:
    n = values["n"]
    results.print(
        plain(f"records compared: {n:,} ({values['left_out']:,} left out: they do not fit the context)")
    )
    results.print(plain(f"prompts equal: {values['prompts_equal']:,} of {n:,}"))
    results.print(plain(f"choices equal: {values['choices_equal']:,} of {n:,}"))
    results.print(
        plain(
            f"largest difference of a log-likelihood: {values['largest_difference']:.2e} nats "
            f"(allowed: {values['tolerance']:.0e})"
        )
    )
    if values["agrees"]:
        results.print(plain("MedAdapt and lm-evaluation-harness agree.", "bold green"))
    else:
        results.print(plain(f"They do not agree; the first: {', '.join(values['differing'])}", "bold red"))
    results.print(plain(str(path)), soft_wrap=True)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (benchmark, parity):
        app.command(rich_help_panel=options.USE)(command)
