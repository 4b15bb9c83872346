"""A folder for what lives no longer than a search; what a killed search left behind goes with the next one."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import MedAdaptError

PREFIX = "ma-"
LOCK = "medadapt.lock"
LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Bytes that the path of a socket may have."""
BELOW = len("/ma-12345678/session_2026-01-31_23-59-59_123456_1234567/sockets/plasma_store")
"""What a search and its Ray put below the temporary folder, up to the socket with the longest path."""
SHORT = Path("/tmp")
"""Where a search goes when the temporary folder's own path is too long."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder that no other user can look into, deleted at the end of the block.

    It is locked while this process lives, however that ends, so a folder that can be locked is nobody's.
    Raises MedAdaptError where no temporary folder has a path that is short enough for Ray's sockets.
    """
    place = _temporary_folder()
    for used in {place, Path(tempfile.gettempdir())}:
        _remove_abandoned(used)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def _temporary_folder() -> Path:
    """The user's temporary folder, or /tmp where a socket would have too long a path in it."""
    usual = Path(tempfile.gettempdir())
    room = LONGEST_SOCKET - BELOW
    if len(os.fsencode(usual)) <= room:
        return usual
    if SHORT.is_dir() and os.access(SHORT, os.W_OK | os.X_OK):
        return SHORT
    raise MedAdaptError(
        f"The path of the temporary folder, {usual}, is too long for the sockets of Ray, which runs the trials, "
        f"and {SHORT} is no folder that can be written to.",
        f"a temporary folder whose path has at most {room} bytes",
        "Set TMPDIR to a folder with a short path, for example: mkdir -p ~/t && export TMPDIR=~/t",
    )


def _remove_abandoned(place: Path) -> None:
    """Delete the folders of searches that were killed."""
    for lock in place.glob(f"{PREFIX}*/{LOCK}"):
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
