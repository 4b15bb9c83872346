"""`medadapt index`: passages that can be found and cited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medadapt.cli import options
from medadapt.cli.console import plain, print_json, results
from medadapt.cli.extras import need_extra
from medadapt.cli.replies import stoppable

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN|FILES",
        help="A run, whose training records are taken; or files and folders of text or rows.",
    ),
]
Directory = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", help="The folder to make. Default for a run: RUN/index."),
]
Embedding = Annotated[
    Path | None,
    typer.Option(
        "--embedding",
        metavar="DIR",
        help="Search by meaning as well: a local folder with a sentence-embedding model.",
    ),
]
ReplaceIndex = Annotated[bool, typer.Option("--replace", help="Replace an earlier index in DIR.")]


def index(
    sources: Sources,
    output: Directory = None,
    embedding: Embedding = None,
    replace: ReplaceIndex = False,
    as_json: options.Json = False,
) -> None:
    """Make passages that a question can find: of a run's training records, or of your own files.

    They are found by the words that they share with the question (BM25). With an embedding model they are ranked by
    meaning as well, and both rankings become one. Validation and test records are never among them.

    Example: medadapt index runs/mine
    """
    need_extra("retrieval", "bm25s")
    from medadapt.cli.progress import shown_progress
    from medadapt.serving.indexing import index_files, index_run, is_run

    with stoppable(), shown_progress() as progress:
        if len(sources) == 1 and is_run(sources[0]):
            made = index_run(sources[0], output, embedding=embedding, replace=replace)
        else:
            made = index_files(sources, output, embedding=embedding, replace=replace, progress=progress)
    if as_json:
        print_json({"folder": str(made.folder), "passages": len(made.index), "from": made.index.origin.name})
    else:
        results.print(plain(f"{len(made.index):,} passages of {made.index.origin.name}: {made.folder}"))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command(rich_help_panel=options.USE)(index)
