"""A Ray of our own on this machine: reachable from nowhere else, and gone when the search ends."""

from __future__ import annotations

import functools
import ipaddress
import logging
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from medadapt.core.errors import MedAdaptError
from medadapt.core.shell_command import install
from medadapt.workflow.signals import Interruption

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # makes every server of Ray listen on 127.0.0.1 alone
    "RAY_AUTH_MODE": "token",  # other users of this machine reach 127.0.0.1 too, and Ray runs what it is sent
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # `--device cuda:1` is ours to honour
    "RAY_AIR_NEW_OUTPUT": "0",  # or Tune prints tables
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is handled as in every other stage
    "TUNE_RESULT_BUFFER_LENGTH": "1",  # hear of each evaluation at once
}
OBJECT_STORE_BYTES = 80 * 2**20
"""Nearly the least that Ray takes: only small numbers travel."""


def require_ray() -> None:
    """Raise MedAdaptError where Ray Tune is not installed."""
    try:
        with _environment({}):
            import ray.tune  # noqa: F401
    except ImportError as problem:
        raise MedAdaptError(
            f"A search needs Ray Tune, which is not there ({problem}).",
            "the optional packages for searches",
            f"Install them with: {install('search')}",
        ) from problem


@contextmanager
def local_ray(folder: Path, *, cpus: int, gpus: int) -> Iterator[None]:
    """Ray while the block runs. `folder` takes its files.

    Ray keeps its state as pickles; they never enter a run folder and are never read again.
    """
    with _environment({"RAY_AUTH_TOKEN": _token()}):
        import ray

        try:
            with _signals_kept():
                ray.init(
                    address="local",  # never somebody else's cluster, whatever RAY_ADDRESS says
                    num_cpus=cpus,
                    num_gpus=gpus,
                    object_store_memory=OBJECT_STORE_BYTES,
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _temp_dir=str(folder),
                )
            address = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
            if not ipaddress.ip_address(address).is_loopback:
                raise RuntimeError(
                    f"Ray listens on {address}, beyond this machine; the search is not started"
                )
            yield
        finally:
            ray.shutdown()


@functools.cache
def _token() -> str:
    """The password of this process's Ray. Ray reads it once in a process, so a second one must have the same."""
    return secrets.token_hex(32)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """While Ray starts: its processes shall not hear what stops the search, which saves with their help.

    A closed terminal or a scheduler tells the whole group of processes. Ray itself keeps Ctrl-C from them; and in this
    process it puts a handler of SIGTERM in the place of ours, one that would end it on the spot.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # nor does the search hear signals there
        return
    handler = signal.getsignal(signal.SIGTERM)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    except SystemExit as problem:
        if problem.code != signal.SIGTERM:
            raise
        raise Interruption(signal.SIGTERM) from problem  # it came through another thread
    finally:
        signal.signal(signal.SIGTERM, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    """The settings of Ray as environment variables, which its processes inherit; as before afterwards."""
    wanted = SETTINGS | more
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
