"""Questions to a finished run or an adapter: one, or a chat."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medadapt.cli import options
from medadapt.cli.chatting import talk_to
from medadapt.cli.replies import ask_and_show, question_text

if TYPE_CHECKING:
    from medadapt.serving.sampling import Sampling


class ModelWord(StrEnum):
    """Who answers."""

    TUNED = "tuned"
    BASELINE = "baseline"
    BOTH = "both"


class SpeakerWord(StrEnum):
    """Who answers in a chat."""

    TUNED = "tuned"
    BASELINE = "baseline"


class QuantizationWord(StrEnum):
    """How the weights of a base are held."""

    NONE = "none"
    INT8 = "int8"
    NF4 = "nf4"


Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A run folder, a folder with a PEFT adapter, or hub:owner/name\\[@revision]."
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base", metavar="BASE", help="The base of the adapter, where it is not found by its name."
    ),
]
Quantization = Annotated[
    QuantizationWord | None,
    typer.Option(
        "--quantization",
        metavar="Q",
        help="For an adapter of another tool: pack its base (int8, nf4) or not (none). Default: as it was published.",
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
Risk = Annotated[
    float | None,
    typer.Option(
        "--risk",
        metavar="R",
        help="Answer only where the model is sure enough to be wrong in at most this share of answers (0.1: one in "
        "ten). The confidence this takes comes from the run's validation records, which also chose the kept "
        "step of the training: the promise is a little optimistic.",
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        "--index",
        metavar="DIR",
        help="Put passages that share words with the question into the prompt, and show them. `medadapt index` makes "
        "the folder.",
    ),
]

Question = Annotated[
    str, typer.Argument(metavar="QUESTION", help="The question; - reads it from standard input.")
]
Model = Annotated[ModelWord, typer.Option("--model", metavar="MODEL", help="tuned, baseline or both.")]
Speaker = Annotated[
    SpeakerWord, typer.Option("--model", metavar="MODEL", help="Who answers first: tuned or baseline.")
]
Context = Annotated[
    str | None, typer.Option("--context", metavar="TEXT", help="A text that the question is about.")
]
Qtype = Annotated[
    str | None, typer.Option("--type", metavar="TYPE", help="The question's type, for typed questions.")
]
OptionList = Annotated[
    str | None, typer.Option("--options", metavar="A;B;C", help="Options of a multiple-choice question.")
]
SingleOptions = Annotated[
    list[str], typer.Option("--option", metavar="TEXT", help="One option; repeat it for each.")
]


def ask(
    target: Target,
    question: Question,
    model: Model = ModelWord.TUNED,
    context: Context = None,
    qtype: Qtype = None,
    option_list: OptionList = None,
    single_options: SingleOptions = [],  # noqa: B006 - Typer copies it
    temperature: Temperature = 0.0,
    top_p: TopP = None,
    top_k: TopK = None,
    repetition_penalty: Penalty = 1.0,
    max_new_tokens: MostTokens = None,
    seed: Seed = None,
    risk: Risk = None,
    index: Index = None,
    base: Base = None,
    quantization: Quantization = None,
    device: options.Device = "auto",
    as_json: options.Json = False,
) -> None:
    """Ask one question, in the words the model was trained on. The answer is shown as it is written.

    For labels and options it also shows how likely the model finds each.

    Example: medadapt ask runs/mine "itching; skin rash"
    """
    from medadapt.core.errors import MedAdaptError
    from medadapt.core.results import MODEL_NAMES
    from medadapt.serving.asked import Asked

    if option_list is not None and single_options:
        raise MedAdaptError("--options and --option are both given.", "one of them", "Leave one out.")
    asked = Asked(
        question=question_text(question),
        context=context,
        qtype=qtype,
        options=tuple(single_options) or tuple(option_list.split(";") if option_list else ()),
    )
    sampling = _sampling(temperature, top_p, top_k, repetition_penalty, seed)
    ask_and_show(
        target,
        asked,
        models=[name for name in MODEL_NAMES if model in (name, ModelWord.BOTH)],
        sampling=sampling,
        max_new_tokens=max_new_tokens,
        risk=risk,
        index=index,
        base=base,
        quantization=quantization.value if quantization else None,
        device=device,
        as_json=as_json,
    )


def chat(
    target: Target,
    model: Speaker = SpeakerWord.TUNED,
    temperature: Temperature = 0.0,
    top_p: TopP = None,
    top_k: TopK = None,
    repetition_penalty: Penalty = 1.0,
    max_new_tokens: MostTokens = None,
    seed: Seed = None,
    risk: Risk = None,
    index: Index = None,
    base: Base = None,
    quantization: Quantization = None,
    device: options.Device = "auto",
) -> None:
    """Talk to a model in the terminal. A model trained on dialogues reads what was said before.

    Commands: /reset, /model baseline, /model tuned, /help, /quit.

    Example: medadapt chat runs/mine --temperature 0.7
    """
    sampling = _sampling(temperature, top_p, top_k, repetition_penalty, seed)
    talk_to(
        target,
        model=model.value,
        sampling=sampling,
        max_new_tokens=max_new_tokens,
        risk=risk,
        index=index,
        base=base,
        quantization=quantization.value if quantization else None,
        device=device,
    )


def _sampling(
    temperature: float,
    top_p: float | None,
    top_k: int | None,
    repetition_penalty: float,
    seed: int | None,
) -> Sampling:
    from medadapt.serving.sampling import Sampling, check_sampling

    asked = Sampling(
        temperature=temperature, top_p=top_p, top_k=top_k, repetition_penalty=repetition_penalty, seed=seed
    )
    check_sampling(asked)
    return asked


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (ask, chat):
        app.command(rich_help_panel=options.USE)(command)
