"""Recognises a full disk behind the errors of libraries that do not raise a plain `OSError`."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import DiskError
from medadapt.core.files import DISK_FAULTS

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
IN_TEXT = re.compile(r"\bos error (\d+)\b")
"""How libraries written in Rust (safetensors, tokenizers) name the cause."""


def as_disk_error(problem: BaseException, folder: Path) -> DiskError | None:
    """The error as a `DiskError`; None where the disk, or the right to use a file of `folder`, is not the cause."""
    if isinstance(problem, OSError):
        number = problem.errno
        if number in DISK_FAULTS and problem.filename and _lies_in(str(problem.filename), folder):
            return _refused(problem, folder)
    elif isinstance(problem, Exception) and (found := IN_TEXT.search(str(problem))):
        number = int(found[1])
    else:
        return None
    return _refused(problem, folder) if number in FULL else None


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Raise the `DiskError` of an error of the system, where it is one of the run folder or of a full disk."""
    try:
        yield
    except OSError as problem:
        if found := as_disk_error(problem, folder):
            raise found from problem
        raise


def _lies_in(name: str, folder: Path) -> bool:
    return Path(name).absolute().is_relative_to(folder.absolute())


def _refused(problem: BaseException, folder: Path) -> DiskError:
    return DiskError(
        f"Working in {folder} failed: {problem}.",
        "a writable folder with free space",
        "Free some space or choose another folder with -o; then repeat the command, it continues.",
    )
