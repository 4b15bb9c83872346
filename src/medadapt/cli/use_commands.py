"""Use of a finished run: one question, a chat, a plain model, an adapter on the Hub."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.answers import ask_and_show, question_text, stoppable
from medadapt.cli.chatting import talk_to
from medadapt.cli.console import plain, print_json, results, talk

PANEL = "Use"


class ModelWord(StrEnum):
    """Who answers."""

    TUNED = "tuned"
    BASELINE = "baseline"
    BOTH = "both"


class SpeakerWord(StrEnum):
    """Who answers in a chat."""

    TUNED = "tuned"
    BASELINE = "baseline"


class ExportWord(StrEnum):
    """What a run can be exported to."""

    MERGED = "merged"


class PrecisionWord(StrEnum):
    """Number formats of exported weights."""

    BF16 = "bf16"
    FP16 = "fp16"
    FP32 = "fp32"


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A run folder, a folder with a PEFT adapter, or hub:owner/name[@revision]."
    ),
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="A run folder.")]
Base = Annotated[
    str | None,
    typer.Option(
        "--base", metavar="BASE", help="The base of the adapter, where it is not found by its name."
    ),
]
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature", metavar="T", help="0 takes the likeliest token; above 0 draws, 1 as it is."
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p", metavar="P", help="Draw among the likeliest tokens that sum to this probability."
    ),
]
TopK = Annotated[
    int | None, typer.Option("--top-k", metavar="K", help="Draw among so many of the likeliest tokens.")
]
Penalty = Annotated[
    float,
    typer.Option(
        "--repetition-penalty", metavar="R", help="Above 1 makes tokens that were used less likely."
    ),
]
MostTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens", min=1, metavar="N", help="Longest answer. Default: as in the run's evaluation."
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="SEED", help="The same seed draws the same answer again.")
]


def ask(
    target: Target,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="The question; - reads it from standard input.")
    ],
    model: Annotated[
        ModelWord, typer.Option("--model", metavar="MODEL", help="tuned, baseline or both.")
    ] = ModelWord.TUNED,
    context: Annotated[
        str | None, typer.Option("--context", metavar="TEXT", help="A text that the question is about.")
    ] = None,
    qtype: Annotated[
        str | None, typer.Option("--type", metavar="TYPE", help="The question's type, for typed questions.")
    ] = None,
    option_list: Annotated[
        str | None,
        typer.Option("--options", metavar="A;B;C", help="Options of a multiple-choice question."),
    ] = None,
    single_options: Annotated[
        list[str], typer.Option("--option", metavar="TEXT", help="One option; repeat it for each.")
    ] = [],  # noqa: B006 - Typer copies it
    temperature: Temperature = 0.0,
    top_p: TopP = None,
    top_k: TopK = None,
    repetition_penalty: Penalty = 1.0,
    max_new_tokens: MostTokens = None,
    seed: Seed = None,
    base: Base = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Ask one question, in the words the model was trained on. The answer is shown as it is written.

    For labels and options it also shows how likely the model finds each.

    Example: medadapt ask runs/mine "itching, skin rash"
    """
    from medadapt.core.errors import MedAdaptError
    from medadapt.core.results import MODEL_NAMES
    from medadapt.serving.questions import Asked
    from medadapt.serving.sampling import Sampling, check_sampling

    if option_list is not None and single_options:
        raise MedAdaptError("--options and --option are both given.", "one of them", "Leave one out.")
    asked = Asked(
        question=question_text(question),
        context=context,
        qtype=qtype,
        options=tuple(single_options) or tuple(option_list.split(";") if option_list else ()),
    )
    sampling = Sampling(
        temperature=temperature, top_p=top_p, top_k=top_k, repetition_penalty=repetition_penalty, seed=seed
    )
    check_sampling(sampling)
    ask_and_show(
        target,
        asked,
        models=[name for name in MODEL_NAMES if model in (name, ModelWord.BOTH)],
        sampling=sampling,
        max_new_tokens=max_new_tokens,
        base=base,
        device=device,
        as_json=as_json,
    )


def chat(
    target: Target,
    model: Annotated[
        SpeakerWord, typer.Option("--model", metavar="MODEL", help="Who answers first: tuned or baseline.")
    ] = SpeakerWord.TUNED,
    temperature: Temperature = 0.0,
    top_p: TopP = None,
    top_k: TopK = None,
    repetition_penalty: Penalty = 1.0,
    max_new_tokens: MostTokens = None,
    seed: Seed = None,
    base: Base = None,
    device: options.Device = "auto",
) -> None:
    """Talk to a model in the terminal. A model trained on dialogues reads what was said before.

    Commands: /reset, /model baseline, /model tuned, /help, /quit.

    Example: medadapt chat runs/mine --temperature 0.7
    """
    from medadapt.serving.sampling import Sampling, check_sampling

    sampling = Sampling(
        temperature=temperature, top_p=top_p, top_k=top_k, repetition_penalty=repetition_penalty, seed=seed
    )
    check_sampling(sampling)
    talk_to(
        target, model=model.value, sampling=sampling, max_new_tokens=max_new_tokens, base=base, device=device
    )


def export(
    run: Run,
    to: Annotated[ExportWord, typer.Option("--to", metavar="FORM", help="merged: one plain model.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to make.")],
    precision: Annotated[
        PrecisionWord | None,
        typer.Option(
            "--precision", metavar="P", help="bf16, fp16 or fp32. Default: as the run was measured."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an earlier export in DIR.")] = False,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Merge the adapter into its base: a model that needs neither MedAdapt nor PEFT.

    It is loaded again and compared with base and adapter on test records; DIR/parity.json holds the
    result. Exit code 3 when they do not agree.

    Example: medadapt export runs/mine --to merged -o my-model
    """
    from medadapt.cli.progress import shown_progress
    from medadapt.serving.targets import need_adapter, read_run
    from medadapt.workflow.request import check_device

    assert to is ExportWord.MERGED
    check_device(device)
    found = read_run(run)
    need_adapter(found)

    from medadapt.serving.exporting import export_merged
    from medadapt.serving.parity import parity_values

    with stoppable(), shown_progress() as progress:
        done = export_merged(
            found,
            output,
            precision=precision.value if precision else None,
            device=device,
            replace_folder=replace,
            progress=progress,
        )
    parity, code = done.parity, 0 if done.parity.agrees else 3
    if as_json:
        print_json({"folder": str(output), "parity": parity_values(parity), "exit_code": code})
    else:
        for note in parity.notes:
            talk.print(plain(note, "yellow" if parity.agrees else "bold red"))
        with_peft = parity.adapter
        same = (
            ""
            if with_peft.same_choices is None
            else f"{with_peft.same_choices} of {with_peft.n} choices the same, "
        )
        results.print(
            plain(
                f"against base + adapter: {same}log-likelihoods differ by at most "
                f"{with_peft.largest_difference:.3g} nats per token on {with_peft.n} test records"
            )
        )
        results.print(plain(f"{'written' if parity.agrees else 'written, not to be used'}: {output}"))
    raise typer.Exit(code)


def push(
    run: Run,
    to: Annotated[str, typer.Option("--to", metavar="USER/NAME", help="The repository on the Hub.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: list the files and their sizes.")
    ] = False,
    public: Annotated[
        bool, typer.Option("--public", help="Everybody may read it. Default: private.")
    ] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="BRANCH", help="A branch, made where it is missing.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Upload the adapter with its model card. No text of the training data is among the files.

    The token is that of `hf auth login` or HF_TOKEN.

    Example: medadapt push runs/mine --to my-name/my-adapter --dry-run
    """
    from medadapt.serving.hub import check_repository
    from medadapt.serving.hub import push as push_files
    from medadapt.serving.targets import read_run
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
    if dry_run:
        if as_json:
            print_json({"repository": to, "private": not public, "files": sizes, "sent": False})
            return
        for name, size in sizes.items():
            results.print(plain(f"{size:>14,} bytes  {name}"))
        results.print(plain(f"{sum(sizes.values()):>14,} bytes  would go to {to}; nothing was sent"))
        return
    with stoppable():
        done = push_files(files, to, public=public, revision=revision)
    if as_json:
        print_json(
            {"repository": to, "private": done.private, "files": sizes, "sent": True, "url": done.url,
             "commit": done.commit, "created": done.created}
        )  # fmt: skip
        return
    what = "created" if done.created else "was there; its files were updated"
    results.print(plain(f"{to} {what} ({'private' if done.private else 'public'}): {done.url}"))
    results.print(plain(f'medadapt ask hub:{to}{f"@{revision}" if revision else ""} "..."'))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (ask, chat, export, push):
        app.command(rich_help_panel=PANEL)(command)
