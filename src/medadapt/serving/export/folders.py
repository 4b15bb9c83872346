"""The folder of an export: it appears whole or not at all, and replaces nothing but another export."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import RunFolderError
from medadapt.core.files import disk_faults
from medadapt.serving.command_targets import Run

PARITY, EXPORT = "parity.json", "export.json"
"""Either marks a folder that an export has made and may replace."""


@contextmanager
def new_folder(folder: Path, run: Run, *, replace: bool) -> Iterator[Path]:
    """A folder to fill; it takes its place once the block is done. Raises RunFolderError where `folder` is in use."""
    _check(folder, run, replace=replace)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        yield part
        _put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _check(folder: Path, run: Run, *, replace: bool) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = any((folder / name).is_file() for name in (PARITY, EXPORT)) and not folder.is_symlink()
    if ours and replace and folder.resolve() not in run.folder.path.resolve().parents:
        return
    way_out = "Choose another folder with -o" + (", or add --replace." if ours else ".")
    raise RunFolderError(
        f"{folder} is not empty{'' if ours else ', and no export made it'}.", "a new or empty folder", way_out
    )


def _put_in_place(part: Path, folder: Path) -> None:
    """The new folder instead of the old one, which is deleted only when the new one stands."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    with disk_faults(folder):
        if folder.exists():
            folder.replace(old)
        part.replace(folder)
        shutil.rmtree(old, ignore_errors=True)
