"""What a finished run gives away: a plain model, or an adapter on the Hub."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results, talk
from medadapt.cli.replies import stoppable
from medadapt.core.errors import DiskError

if TYPE_CHECKING:
    from medadapt.core.progress import Progress
    from medadapt.serving.command_targets import Run as FoundRun
    from medadapt.serving.export.exported import Exported, GgufFile
    from medadapt.serving.export.parity import Parity


class ExportWord(StrEnum):
    """What a run can be exported to."""

    MERGED = "merged"
    OLLAMA = "ollama"
    OLLAMA_ADAPTER = "ollama-adapter"
    GGUF = "gguf"
    VLLM = "vllm"


UNFINISHED = "An export that is not finished leaves nothing."
BARE = (ExportWord.OLLAMA_ADAPTER, ExportWord.VLLM)
"""Forms that take the adapter as it is, so that nothing is loaded, rounded and compared."""


class PrecisionWord(StrEnum):
    """Number formats of exported weights."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"


Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder.")]
Form = Annotated[
    ExportWord,
    typer.Option(
        "--to",
        metavar="FORM",
        help="merged: one plain model. ollama: that and a Modelfile; ollama-adapter: the adapter and a Modelfile. "
        "gguf: one file for llama.cpp. vllm: the adapter and the command that serves it.",
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="The folder to make. Default: RUN-FORM."),
]
Precision = Annotated[
    PrecisionWord | None,
    typer.Option("--precision", metavar="P", help="bf16, fp16 or fp32. Default: as the run was measured."),
]
ReplaceExport = Annotated[bool, typer.Option("--replace", help="Replace an earlier export in DIR.")]
Repository = Annotated[str, typer.Option("--to", metavar="USER/NAME", help="The repository on the Hub.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Send nothing: list the files and their sizes.")]
Public = Annotated[bool, typer.Option("--public", help="Everybody may read it. Default: private.")]
Branch = Annotated[
    str | None, typer.Option("--revision", metavar="BRANCH", help="A branch, made where it is missing.")
]


def export(
    run: Run,
    to: Form,
    output: Directory = None,
    precision: Precision = None,
    replace: ReplaceExport = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Take a run elsewhere, with the prompt of the training as its chat template and a README.

    merged, ollama and gguf fold the adapter into its base: the model is loaded again and compared with base and adapter
    on test records. DIR/parity.json, or DIR/model/parity.json, holds the result; exit code 3 when they do not agree.

    Example: medadapt export runs/mine --to merged
    """
    from medadapt.cli.progress import shown_progress
    from medadapt.core.errors import StoppedError
    from medadapt.serving.command_targets import read_run
    from medadapt.serving.export.parity import parity_values
    from medadapt.workflow.full_disk import as_disk_error
    from medadapt.workflow.request import check_device
    from medadapt.workflow.signals import Interruption, stop_signals

    _refuse_idle_options(to, precision=precision, device=check_device(device))
    found = read_run(run)
    folder = output or _beside(found.folder.path, to)
    try:
        # A signal may come while the work is being left, so the whole block is watched.
        with shown_progress() as progress, stop_signals(progress):
            if to in BARE:
                done = _bare(found, folder, to, replace=replace)
            else:
                done = _merged(
                    found, folder, to, precision=precision, device=device, replace=replace, progress=progress
                )
    except Interruption as problem:
        raise StoppedError(f"Stopped. {UNFINISHED}", signal_number=problem.signal_number) from problem
    except Exception as problem:
        if full := as_disk_error(problem, folder):
            remedy = f"Free some space or choose another folder with -o. {UNFINISHED}"
            raise DiskError(full.problem, full.expected, remedy) from problem
        raise
    code = _exit_code(done)
    if as_json:
        parity = {} if done.parity is None else {"parity": parity_values(done.parity)}
        file = {} if done.gguf is None else {"gguf": _gguf_values(done.gguf)}
        print_json({"folder": str(folder), **parity, **file, "notes": list(done.notes), "exit_code": code})
    else:
        _show(done, to, folder=folder, usable=code == 0)
    raise typer.Exit(code)


def _refuse_idle_options(to: ExportWord, *, precision: PrecisionWord | None, device: str) -> None:
    """Raise MedAdaptError for an option that this form has no use for: none is ever ignored."""
    from medadapt.core.errors import MedAdaptError

    given = [*(["--precision"] if precision else []), *(["--device"] if device != "auto" else [])]
    if to in BARE and given:
        raise MedAdaptError(
            f"{given[0]} does nothing with --to {to.value}, which takes the adapter as it is and loads no model.",
            f"--to {to.value} without {' and '.join(given)}",
            "Leave it out, or use --to merged, ollama or gguf.",
        )


def _merged(
    run: FoundRun,
    folder: Path,
    to: ExportWord,
    *,
    precision: PrecisionWord | None,
    device: str,
    replace: bool,
    progress: Progress,
) -> Exported:
    from medadapt.serving.export.gguf import export_gguf
    from medadapt.serving.export.merged import export_merged
    from medadapt.serving.export.ollama import export_ollama

    make = {
        ExportWord.MERGED: export_merged,
        ExportWord.OLLAMA: export_ollama,
        ExportWord.GGUF: export_gguf,
    }
    return make[to](
        run,
        folder,
        precision=precision.value if precision else None,
        device=device,
        replace_folder=replace,
        progress=progress,
    )


def _bare(run: FoundRun, folder: Path, to: ExportWord, *, replace: bool) -> Exported:
    from medadapt.serving.export.ollama import export_ollama_adapter
    from medadapt.serving.export.vllm import export_vllm

    make = export_vllm if to is ExportWord.VLLM else export_ollama_adapter
    return make(run, folder, replace_folder=replace)


def _exit_code(done: Exported) -> int:
    agrees = done.parity is None or done.parity.agrees
    return 0 if agrees and (done.gguf is None or done.gguf.verified is not False) else 3


def _show(done: Exported, to: ExportWord, *, folder: Path, usable: bool) -> None:
    if done.parity is not None:
        _show_parity(done.parity)
    if done.gguf is not None:
        _show_gguf(done.gguf)
    for note in done.notes:
        talk.print(plain(note, "yellow"))
    what = {
        ExportWord.VLLM: "; its serve.sh starts vLLM",
        ExportWord.OLLAMA_ADAPTER: "; its README says what FROM must name",
    }.get(to, "")
    results.print(plain(f"{'written' if usable else 'written, not to be used'}: {folder}{what}"))


def _gguf_values(made: GgufFile) -> dict[str, Any]:
    return {
        "file": str(made.path) if made.path else None,
        "verified": made.verified,
        "differences": list(made.differences),
        "tensors_compared": made.compared,
        "steps": list(made.steps),
    }


def _show_gguf(made: GgufFile) -> None:
    if made.path is None:
        talk.print(
            plain(
                "llama.cpp's converter was not found (LLAMA_CPP names its folder). To make the file:",
                "yellow",
            )
        )
        for step in made.steps:
            results.print(plain(f"  {step}"))
        return
    told = {
        True: f"holds what the model has ({made.compared} tensors compared number by number)",
        False: "is NOT what the model is",
        None: "was not looked into, for want of the extra medadapt[gguf]",
    }
    results.print(plain(f"{made.path} {told[made.verified]}"))
    for difference in made.differences:
        talk.print(plain(f"  {difference}", "bold red"))


def _beside(run: Path, to: ExportWord) -> Path:
    """`<run folder>-<form>`, also for a run that is called `.`."""
    run = run if run.name else run.resolve()
    return run.with_name(f"{run.name}-{to.value}")


def _show_parity(parity: Parity) -> None:
    for note in parity.notes:
        talk.print(plain(note, "yellow" if parity.agrees else "bold red"))
    found = parity.adapter
    same = "" if found.same_choices is None else f"{found.same_choices} of {found.n} choices the same, "
    results.print(
        plain(
            f"against base + adapter: {same}log-likelihoods differ by at most "
            f"{found.largest_difference:.3g} nats per token on {found.n} test records"
        )
    )


def push(
    run: Run,
    to: Repository,
    dry_run: DryRun = False,
    public: Public = False,
    revision: Branch = None,
    as_json: options.Json = False,
) -> None:
    """Upload the adapter with its model card. No record is among the files.

    What they do hold of the data and of the recipe: the names of the labels of a diagnosis task, and
    prompt.system; both belong to how the model is asked. The token is that of `hf auth login` or HF_TOKEN.

    Example: medadapt push runs/mine --to my-name/my-adapter --dry-run
    """
    from medadapt.report.usage import LOCAL_BASE, OWN_CODE, ask_command
    from medadapt.serving.command_targets import read_run
    from medadapt.serving.hub import check_repository
    from medadapt.serving.hub import push as push_files
    from medadapt.serving.upload import has_local_base, hub_address, uploads

    check_repository(to)
    found = read_run(run)
    files = uploads(found, to, revision=revision)
    sizes = {file.name: file.size for file in files}
    if has_local_base(found):
        talk.print(
            "The base is a folder of this machine: who uses the adapter must name the base with --base."
        )
    if found.smoke:
        talk.print("This is a smoke run: the adapter means nothing.", style="yellow")
    shown = {"repository": to, "private": not public, "files": sizes, "sent": False}
    if dry_run:
        print_json(shown) if as_json else _show_sizes(sizes, to)
        return
    with stoppable():
        done = push_files(files, to, public=public, revision=revision)
    if as_json:
        sent = {"sent": True, "url": done.url, "commit": done.commit, "created": done.created}
        print_json(shown | {"private": done.private} | sent)
        return
    what = "created" if done.created else "was there; its files were updated"
    results.print(plain(f"{to} {what} ({'private' if done.private else 'public'}): {done.url}"))
    if found.recipe.model.trust_remote_code and not found.smoke:
        talk.print(plain(OWN_CODE))
        return
    asking = ask_command(
        hub_address(to, revision),
        options=found.recipe.task == "multiple_choice" and found.recipe.prompt.options,
        base=LOCAL_BASE if has_local_base(found) else None,
    )
    results.print(plain(asking))


def _show_sizes(sizes: dict[str, int], repository: str) -> None:
    for name, size in sizes.items():
        results.print(plain(f"{size:>14,} bytes  {name}"))
    results.print(plain(f"{sum(sizes.values()):>14,} bytes  would go to {repository}; nothing was sent"))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (export, push):
        app.command(rich_help_panel=options.USE)(command)
