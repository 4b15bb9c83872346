"""Arguments and options that several commands share, with their help."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class StageWord(StrEnum):
    """The stages, as words of the command line."""

    PREPARE = "prepare"
    ENCODE = "encode"
    TRAIN = "train"
    PREDICT = "predict"
    SCORE = "score"
    REPORT = "report"


STAGE_WORDS = ", ".join(StageWord)
USE = "Use"
"""Heading, in the list of commands, of those that use a finished run."""

Recipe = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="A recipe file, the name of a bundled recipe, or an existing run folder."
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="RUN", help="The run folder. Default: runs/<name of the recipe>."),
]
Set = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Another value for a key of the recipe: training.epochs=1."
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda, cuda:N or mps.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else there.")
]
Smoke = Annotated[
    bool,
    typer.Option(
        "--smoke",
        help="Try the whole path at toy size: a tiny random base and few rows. Its numbers mean nothing.",
    ),
]
Replace = Annotated[
    bool,
    typer.Option(
        "--replace", help="Run again from the first changed stage; what later stages made is deleted."
    ),
]
ReplaceStage = Annotated[
    bool,
    typer.Option("--replace", help="Run the stage again from nothing; what later stages made is deleted."),
]
From = Annotated[
    StageWord | None,
    typer.Option("--from", metavar="STAGE", help=f"Start with this stage: {STAGE_WORDS}."),
]
Until = Annotated[StageWord | None, typer.Option("--until", metavar="STAGE", help="End with this stage.")]
