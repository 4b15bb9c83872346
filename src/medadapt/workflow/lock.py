"""One process at a time works in a run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from medadapt.core.errors import RunBusyError, RunFolderError
from medadapt.core.files import disk_faults
from medadapt.core.run_folder import RunFolder


@contextmanager
def locked(run: RunFolder) -> Iterator[Callable[[], None]]:
    """Hold the run folder, or raise `RunBusyError` at once.

    Yields a function that signs the lock with this process's id. Signing is left to whoever starts to work,
    so that looking at a finished run changes no file. The system frees the lock when the process ends,
    however it ends, so a killed run never blocks the next one.
    """
    handle = _open(run)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(run, os.pread(handle, 32, 0)) from None

        def sign() -> None:
            with disk_faults(run.lock):
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)

        yield sign
    finally:
        os.close(handle)


def _open(run: RunFolder) -> int:
    try:
        with disk_faults(run.path):
            run.path.mkdir(parents=True, exist_ok=True)
            return os.open(run.lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as problem:
        raise RunFolderError(
            f"{run.path} cannot be made: {problem.strerror}.",
            "a place for a new folder",
            "Choose another folder with -o.",
        ) from problem


def _busy(run: RunFolder, signature: bytes) -> RunBusyError:
    holder = f"Process {int(signature)}" if signature.isdigit() else "Another process"
    return RunBusyError(
        f"{holder} is working in {run.path}.",
        "one process at a time in a run folder",
        "Wait until it is done, stop it (its work is kept), or choose another folder with -o.",
    )
