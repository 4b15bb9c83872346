"""The folder of an export: it appears whole or not at all, and replaces nothing but another export."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import DataError, RunBusyError, RunFolderError
from medadapt.core.files import disk_faults, read_json
from medadapt.serving.command_targets import Run

PARITY, EXPORT = "parity.json", "export.json"
FORMS = ("merged", "ollama", "ollama-adapter", "gguf", "vllm")
"""What `to` of export.json can say: a folder with such a file is an export, and may be replaced by another."""


def name_of(folder: Path) -> str:
    """A folder's own name, also of one that is called `.`."""
    return folder.expanduser().resolve().name


@contextmanager
def new_folder(folder: Path, run: Run, *, replace: bool) -> Iterator[Path]:
    """A folder to fill; it takes its place once the block is done.

    Raises RunFolderError where `folder` is in use, cannot be made, or belongs to the run, and RunBusyError where
    another process exports into it.
    """
    folder = folder.expanduser().resolve()
    _refuse_run(folder, run)
    part = folder.with_name(f".{folder.name}.export.part")
    with _held(part, folder):
        try:
            _clear(part, folder)
            _refuse_in_use(folder, replace=replace)
            yield part
            _put_in_place(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            _put_back(folder)


def _refuse_run(folder: Path, run: Run) -> None:
    own = run.folder.path.resolve()
    if folder == own or own in folder.parents or folder in own.parents:
        raise RunFolderError(
            f"{folder} {'holds' if folder in own.parents else 'is part of'} the run {run.folder.path} itself.",
            "a folder of its own",
            "Choose another folder with -o, or leave it out: the export then lies beside the run.",
        )


def _refuse_in_use(folder: Path, *, replace: bool) -> None:
    if not folder.exists() or _is_empty(folder):
        return
    ours = _is_export(folder)
    if ours and replace:
        _refuse_where_we_stand(folder)
        return
    way_out = "Choose another folder with -o" + (", or add --replace." if ours else ".")
    raise RunFolderError(
        f"{folder} is not empty{'' if ours else ', and no export made it'}.", "a new or empty folder", way_out
    )


def _refuse_where_we_stand(folder: Path) -> None:
    here = Path.cwd()
    if folder == here or folder in here.parents:
        raise RunFolderError(
            f"{folder} would be replaced under the shell that stands in it.",
            "a folder that can be replaced",
            "Go to another folder (cd ..), and name it from there.",
        )


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _is_export(folder: Path) -> bool:
    try:
        values = read_json(folder / EXPORT)
    except (OSError, DataError):
        return False
    return isinstance(values, dict) and values.get("to") in FORMS


@contextmanager
def _held(part: Path, folder: Path) -> Iterator[None]:
    """`part` as this process's own. The system frees it when the process ends, however it ends."""
    try:
        with disk_faults(folder):
            part.mkdir(parents=True, exist_ok=True)
            handle = os.open(part, os.O_RDONLY)
    except OSError as problem:
        raise RunFolderError(
            f"{folder} cannot be made: {problem.strerror}.",
            "a place for a new folder",
            "Choose another folder with -o.",
        ) from problem
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            lost = not part.exists() or not os.path.samestat(os.fstat(handle), part.stat())
        except BlockingIOError:
            lost = True
        if lost:  # to another process, which works in it or has just put it in its place
            raise RunBusyError(
                f"Another process exports to {folder}.",
                "one process at a time",
                "Wait until it is done, or choose another folder with -o.",
            )
        yield
    finally:
        os.close(handle)


def _clear(part: Path, folder: Path) -> None:
    """Take away what a killed process left, and put back the export that it was about to replace."""
    with disk_faults(folder):
        _put_back(folder)
        shutil.rmtree(_old(folder), ignore_errors=True)
        for left in part.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _put_in_place(part: Path, folder: Path) -> None:
    """The new folder instead of the old one, which is deleted only when the new one stands."""
    with disk_faults(folder):
        if folder.exists() and _is_empty(folder):
            # It may be where the user stands, or a mounted one: it stays, and is filled.
            for path in part.iterdir():
                path.replace(folder / path.name)
            return
        if folder.exists():
            folder.replace(_old(folder))
        part.replace(folder)
        shutil.rmtree(_old(folder), ignore_errors=True)


def _put_back(folder: Path) -> None:
    """The old export, where the new one did not come to stand in its place."""
    if _old(folder).exists() and not folder.exists():
        _old(folder).replace(folder)


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.export.old")
