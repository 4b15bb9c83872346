"""What an index is made of: a run's training records, or files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.hashes import sha256_file
from medadapt.core.home_folder import in_home
from medadapt.core.progress import Progress
from medadapt.core.records import read_records
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.retrieval.index import Origin, PassageIndex, save_index
from medadapt.retrieval.meanings import Embed, EmbeddedBy
from medadapt.retrieval.passages import files_of, passages_of_files, passages_of_records
from medadapt.serving.command_targets import read_run
from medadapt.serving.embedding import embedder

FOLDER = "index"
"""Where in a run its own index lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexed:
    """An index, and where it was written."""

    folder: Path
    index: PassageIndex


def is_run(name: str) -> bool:
    """Whether this names a run and no file or folder of texts."""
    return RunFolder(in_home(name)).state.is_file()


def index_run(
    name: str, folder: Path | None = None, *, embedding: Path | None = None, replace: bool = False
) -> Indexed:
    """Index the training records of a run; by default in its folder `index`."""
    run = read_run(name)
    records = run.folder.records / "train.jsonl"
    if not records.is_file():
        raise RunFolderError(
            f"{name} has no training records yet.",
            "a run in which prepare is done",
            f"Run `{command('prepare', name)}` first.",
        )
    where = folder or run.folder.path / FOLDER
    origin = Origin(kind="run", name=run.recipe.name, sha256={records.name: sha256_file(records)})
    index = PassageIndex.of(list(passages_of_records(read_records(records))), origin, _embedder(embedding))
    save_index(index, where, replace=replace)
    return Indexed(folder=where, index=index)


def index_files(
    names: Sequence[str],
    folder: Path | None,
    *,
    embedding: Path | None = None,
    replace: bool = False,
    progress: Progress,
) -> Indexed:
    """Index files and folders of text or rows.

    Raises DataError where no folder for the index is named, and for the records of a run, which know of validation
    and test.
    """
    if folder is None:
        raise DataError("No folder is named for the index.", "a folder of its own", "Name one with -o DIR.")
    files = list(files_of(names))
    for file in files:
        _refuse_records(file.resolve())
    passages = passages_of_files(names, progress=progress)
    hashes = {str(path): sha256_file(path) for path in files}
    origin = Origin(kind="files", name=", ".join(names), sha256=hashes)
    index = PassageIndex.of(passages, origin, _embedder(embedding))
    save_index(index, folder, replace=replace)
    return Indexed(folder=folder, index=index)


def _refuse_records(file: Path) -> None:
    run = RunFolder(file.parent.parent)
    if file.parent == run.records and run.state.is_file():
        raise DataError(
            f"{file} holds records of a run, which may be those that it is measured on.",
            "the run itself, of which the training records are taken",
            f"Run `{command('index', run.path)}`.",
        )


def _embedder(embedding: Path | None) -> tuple[Embed, EmbeddedBy] | None:
    return None if embedding is None else embedder(embedding)
