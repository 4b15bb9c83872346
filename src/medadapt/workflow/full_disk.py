"""Recognises a full disk behind the errors of libraries that do not raise a plain `OSError`."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from medadapt.core.errors import DiskError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
IN_TEXT = re.compile(r"\bos error (\d+)\b")
"""How libraries written in Rust (safetensors, tokenizers) name the cause."""


def as_disk_error(problem: BaseException, folder: Path) -> DiskError | None:
    """The error as a `DiskError`; None where the disk is not the cause."""
    if isinstance(problem, OSError):
        number = problem.errno
    elif isinstance(problem, Exception) and (found := IN_TEXT.search(str(problem))):
        number = int(found[1])
    else:
        return None
    if number not in FULL:
        return None
    return DiskError(
        f"Writing into {folder} failed: {problem}.",
        "a writable folder with free space",
        "Free some space or choose another folder with -o; then repeat the command, it continues.",
    )
