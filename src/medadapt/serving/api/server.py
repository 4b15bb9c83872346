"""A server on this machine: it listens, loads the model, and answers until it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from medadapt.core.errors import MedAdaptError
from medadapt.serving.api.guards import LOOPBACK, Limits, is_loopback

KEY = "MEDADAPT_API_KEY"
LEAST_KEY = 16
"""Characters of a key; a shorter one is too easily guessed."""
GRACE_SECONDS = 10
"""What is being answered when the server is told to stop may take so long."""


def limits_for(
    host: str, *, key_file: Path | None, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()
) -> Limits:
    """What may come in where the server listens at `host`.

    Beyond loopback a key is needed; it stands in `key_file` or in the environment. Raises MedAdaptError without one.
    """
    key = _key(key_file)
    if key is None and not is_loopback(host):
        raise MedAdaptError(
            f"--host {host} lets other machines in, and there is no API key.",
            "a key, so that not everybody may ask",
            f"Put one into a file and name it with --api-key-file, or into the variable {KEY}.",
        )
    named = frozenset(name.lower() for name in hosts)
    return Limits(hosts=named | LOOPBACK if is_loopback(host) else named, origins=frozenset(origins), key=key)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one. Raises MedAdaptError where the place is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as problem:
        raise MedAdaptError(
            f"Nothing can listen at {address(host, port)}: {problem.strerror or problem}.",
            "a free port of this machine",
            "Stop what uses it, or choose another port with --port; 0 takes any free one.",
        ) from problem


def address(host: str, port: int) -> str:
    """Host and port as they stand in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Server(uvicorn.Server):
    """Remembers which signal stopped it."""

    stopped_by: int | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        self.stopped_by = sig
        super().handle_exit(sig, frame)


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Answer until a signal comes; what is being answered then is finished. Raises KeyboardInterrupt for Ctrl-C."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    server.run(sockets=[listening])
    # uvicorn raises it again itself, but asyncio sometimes takes that for the cancelling of a task that has ended.
    if server.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt


def _key(file: Path | None) -> str | None:
    if file is not None:
        try:
            key = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            raise MedAdaptError(
                f"The API key cannot be read from {file}.",
                "a file that holds the key",
                "Correct --api-key-file.",
            ) from problem
    else:
        key = os.environ.get(KEY, "").strip()
        if not key:
            return None
    if len(key) < LEAST_KEY or not key.isascii() or not key.isprintable():
        raise MedAdaptError(
            "The API key is too short, or holds characters that a header cannot carry.",
            f"at least {LEAST_KEY} printable ASCII characters",
            "Make one with: python -c 'import secrets; print(secrets.token_urlsafe())'",
        )
    return key
