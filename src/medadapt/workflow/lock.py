"""One process at a time works in a run folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

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
    is_signed = False
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(run, os.pread(handle, 32, 0)) from None
        except OSError as problem:
            raise _no_locks(run, problem) from problem

        def sign() -> None:
            nonlocal is_signed
            with disk_faults(run.lock):
                os.ftruncate(handle, 0)
                os.pwrite(handle, str(os.getpid()).encode(), 0)
            is_signed = True

        yield sign
    finally:
        if is_signed:  # by the next one's time the number may be that of somebody else's program
            with suppress(OSError):
                os.ftruncate(handle, 0)
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


def _no_locks(run: RunFolder, problem: OSError) -> RunFolderError:
    """Some network file systems have no locks."""
    return RunFolderError(
        f"{run.path} cannot be locked: {problem.strerror}.",
        "a file system with locks, so that two processes never work in one run",
        "Choose another folder with -o, on a local disk for example.",
    )


def _busy(run: RunFolder, signature: bytes) -> RunBusyError:
    holder = f"Process {int(signature)}" if signature.isdigit() else "Another process"
    return RunBusyError(
        f"{holder} is working in {run.path}.",
        "one process at a time in a run folder",
        "Wait until it is done, stop it (its work is kept), or choose another folder with -o.",
    )
