"""A folder for what lives no longer than a search; what a killed search left behind goes with the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "ma-"
"""Short, because the path of a socket of Ray may have 107 characters."""
LOCK = "medadapt.lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder that no other user can look into, deleted at the end of the block.

    It is locked while this process lives, however that ends, so a folder that can be locked is nobody's.
    """
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _remove_abandoned() -> None:
    """Delete the folders of searches that were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{LOCK}"):
        try:
            handle = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # of another user, or just deleted
        try:
            if _is_nobodys(handle):
                shutil.rmtree(lock.parent, ignore_errors=True)
        finally:
            os.close(handle)


def _is_nobodys(handle: int) -> bool:
    """Whether the process that locked this file is gone. The lock is then ours until the file is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
