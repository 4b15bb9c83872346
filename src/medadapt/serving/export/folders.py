"""The folder of an export: it appears whole or not at all, and replaces nothing but another export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.home_folder import in_home
from medadapt.core.whole_folder import whole_folder
from medadapt.serving.command_targets import Run

PARITY, EXPORT = "parity.json", "export.json"
FORMS = ("merged", "ollama", "ollama-adapter", "gguf", "vllm")
"""What `to` of export.json can say: a folder with such a file is an export, and may be replaced by another."""


def name_of(folder: Path) -> str:
    """A folder's own name, also of one that is called `.`."""
    return in_home(folder).resolve().name


@contextmanager
def new_folder(folder: Path, run: Run, *, replace: bool) -> Iterator[Path]:
    """A folder to fill; it takes its place once the block is done.

    Raises RunFolderError where `folder` is in use, cannot be made, or belongs to the run, and RunBusyError where
    another process exports into it.
    """
    folder = in_home(folder).resolve()
    _refuse_run(folder, run)
    with whole_folder(folder, "export", is_ours=_is_export, replace=replace) as part:
        yield part


def _refuse_run(folder: Path, run: Run) -> None:
    own = run.folder.path.resolve()
    if folder == own or own in folder.parents or folder in own.parents:
        raise RunFolderError(
            f"{folder} {'holds' if folder in own.parents else 'is part of'} the run {run.folder.path} itself.",
            "a folder of its own",
            "Choose another folder with -o, or leave it out: the export then lies beside the run.",
        )


def _is_export(folder: Path) -> bool:
    try:
        values = read_json(folder / EXPORT)
    except (OSError, DataError):
        return False
    return isinstance(values, dict) and values.get("to") in FORMS
