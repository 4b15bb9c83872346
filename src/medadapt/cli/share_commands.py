"""What a finished run gives away: a plain model, or an adapter on the Hub."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results, talk
from medadapt.cli.replies import stoppable

if TYPE_CHECKING:
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
    from medadapt.serving.command_targets import need_adapter, read_run
    from medadapt.workflow.request import check_device

    check_device(device)
    found = read_run(run)
    need_adapter(found)
    folder = output or _beside(found.folder.path, to)
    if to in {ExportWord.VLLM, ExportWord.OLLAMA_ADAPTER}:
        _export_adapter(found, folder, to, replace=replace, as_json=as_json)
        return

    from medadapt.serving.export.gguf import export_gguf
    from medadapt.serving.export.merged import export_merged
    from medadapt.serving.export.ollama import export_ollama
    from medadapt.serving.export.parity import parity_values

    make: dict[ExportWord, Callable[..., Exported]] = {
        ExportWord.MERGED: export_merged,
        ExportWord.OLLAMA: export_ollama,
        ExportWord.GGUF: export_gguf,
    }
    with stoppable(), shown_progress() as progress:
        done = make[to](
            found,
            folder,
            precision=precision.value if precision else None,
            device=device,
            replace_folder=replace,
            progress=progress,
        )
    code = 0 if done.parity.agrees else 3
    if done.gguf is not None and done.gguf.verified is False:
        code = 3
    if as_json:
        facts = {} if done.gguf is None else {"gguf": _gguf_values(done.gguf)}
        print_json({"folder": str(folder), "parity": parity_values(done.parity), **facts, "exit_code": code})
    else:
        _show_parity(done.parity)
        if done.gguf is not None:
            _show_gguf(done.gguf)
        results.print(plain(f"{'written' if code == 0 else 'written, not to be used'}: {folder}"))
    raise typer.Exit(code)


def _export_adapter(run: FoundRun, folder: Path, to: ExportWord, *, replace: bool, as_json: bool) -> None:
    """Forms that take the adapter as it is, so that nothing is loaded and compared."""
    from medadapt.serving.export.ollama import export_ollama_adapter
    from medadapt.serving.export.vllm import export_vllm

    with stoppable():
        make = export_vllm if to is ExportWord.VLLM else export_ollama_adapter
        make(run, folder, replace_folder=replace)
    if as_json:
        print_json({"folder": str(folder), "exit_code": 0})
    else:
        what = "its serve.sh starts vLLM" if to is ExportWord.VLLM else "its README says what FROM must name"
        results.print(plain(f"written: {folder}; {what}"))


def _gguf_values(made: GgufFile) -> dict[str, Any]:
    return {
        "file": str(made.path) if made.path else None,
        "verified": made.verified,
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
        True: "holds what the model has",
        False: "is NOT what the model is",
        None: "was not looked into, for want of the extra medadapt[gguf]",
    }
    results.print(plain(f"{made.path} {told[made.verified]}"))


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
    from medadapt.serving.command_targets import read_run
    from medadapt.serving.hub import check_repository
    from medadapt.serving.hub import push as push_files
    from medadapt.serving.upload import has_local_base, uploads

    check_repository(to)
    found = read_run(run)
    files = uploads(found, to)
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
    results.print(plain(f'medadapt ask hub:{to}{f"@{revision}" if revision else ""} "..."'))


def _show_sizes(sizes: dict[str, int], repository: str) -> None:
    for name, size in sizes.items():
        results.print(plain(f"{size:>14,} bytes  {name}"))
    results.print(plain(f"{sum(sizes.values()):>14,} bytes  would go to {repository}; nothing was sent"))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (export, push):
        app.command(rich_help_panel=options.USE)(command)
