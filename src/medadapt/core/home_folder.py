"""A leading `~` in a path that a user wrote."""

from __future__ import annotations

import os
from pathlib import Path


def in_home(path: str | Path) -> Path:
    """With the user's home folder in place of a leading `~`.

    Of a user that this machine does not know it stays, as in a shell, so that the path is told to be missing;
    `Path.expanduser` raises RuntimeError there.

    >>> in_home("~nobody-by-this-name/data.csv").as_posix()
    '~nobody-by-this-name/data.csv'
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 - says why above
