"""A folder that appears whole or not at all, and takes the place of nothing but one of its kind."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import RunBusyError, RunFolderError
from medadapt.core.files import disk_faults


@contextmanager
def whole_folder(
    folder: Path, kind: str, *, is_ours: Callable[[Path], bool], replace: bool
) -> Iterator[Path]:
    """An empty folder to fill; it takes the place of `folder`, an absolute path, once the block is done.

    `kind` is what it will be, such as `export`, for messages; `is_ours` tells whether a folder is one already, which
    `replace` allows to replace. Raises RunFolderError where `folder` is in use or cannot be made, and RunBusyError
    where another process makes it.
    """
    part = folder.with_name(f".{folder.name}.{kind}.part")
    old = folder.with_name(f".{folder.name}.{kind}.old")
    # An empty one may be mounted, or where the user stands: it stays, and is filled from within, on its own disk.
    if is_empty := _is_empty(folder, but=part.name):
        part = folder / part.name
    with _held(part, folder):
        try:
            _clear(part, old, folder)
            if is_empty and not _is_empty(folder, but=part.name):
                raise RunFolderError(
                    f"{folder} was filled by another command meanwhile.",
                    "an empty or a new folder",
                    "Choose another folder with -o.",
                )
            if folder.exists() and not is_empty:
                _refuse_in_use(folder, kind, ours=is_ours(folder), replace=replace)
            yield part
            if is_empty:
                _fill(folder, part)
            else:
                _put_in_place(part, old, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            _put_back(old, folder)


def _refuse_in_use(folder: Path, kind: str, *, ours: bool, replace: bool) -> None:
    if not (ours and replace):
        raise RunFolderError(
            f"{folder} is there already{'' if ours else f', and no {kind}'}.",
            "a new or empty folder",
            "Choose another folder with -o" + (", or add --replace." if ours else "."),
        )
    here = Path.cwd()
    if folder == here or folder in here.parents:
        raise RunFolderError(
            f"{folder} would be replaced under the shell that stands in it.",
            "a folder that can be replaced",
            "Go to another folder (cd ..), and name it from there.",
        )
    if folder.is_mount():
        raise RunFolderError(
            f"{folder} is a mounted folder, which no other can take the place of.",
            "a folder that can be replaced, or an empty one",
            "Empty it first, or choose a new folder inside of it with -o.",
        )


def _is_empty(folder: Path, *, but: str) -> bool:
    """Whether there is a folder with nothing in it but what a killed process left, if it did."""
    return folder.is_dir() and all(path.name == but for path in folder.iterdir())


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
                f"Another process makes {folder}.",
                "one process at a time",
                "Wait until it is done, or choose another folder with -o.",
            )
        yield
    finally:
        os.close(handle)


def _clear(part: Path, old: Path, folder: Path) -> None:
    """Take away what a killed process left, and put back the folder that it was about to replace."""
    with disk_faults(folder):
        _put_back(old, folder)
        shutil.rmtree(old, ignore_errors=True)
        for left in part.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def _fill(folder: Path, part: Path) -> None:
    with disk_faults(folder):
        for path in part.iterdir():
            path.replace(folder / path.name)


def _put_in_place(part: Path, old: Path, folder: Path) -> None:
    """The new folder instead of the old one, which is deleted only when the new one stands."""
    with disk_faults(folder):
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)


def _put_back(old: Path, folder: Path) -> None:
    """The old folder, where the new one did not come to stand in its place."""
    if old.exists() and not folder.exists():
        old.replace(folder)
