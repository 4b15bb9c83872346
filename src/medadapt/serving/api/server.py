"""A server on this machine: it listens, loads the model, and answers until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from threading import Timer
from types import FrameType

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from medadapt.core.errors import MedAdaptError
from medadapt.serving.api.guards import LOOPBACK, Limits, is_loopback
from medadapt.serving.api.problems import problem_response

HOST_NAME = re.compile(r"[a-z0-9._-]+")
ORIGIN = re.compile(r"null|[a-z][a-z0-9+.-]*://[^/\s*?#]+")
KEY = "MEDADAPT_API_KEY"
LEAST_KEY = 16
"""Characters of a key; a shorter one is too easily guessed."""
PATIENCE_SECONDS = 8
"""What is being answered when the server is told to stop may take so long; then those who wait are told."""
TELLING_SECONDS = 0.5
"""So long they have to hear of it before their connections are closed."""
GRACE_SECONDS = 10
"""Then the rest is cut off."""


def limits_for(
    host: str, *, key_file: Path | None, hosts: tuple[str, ...] = (), origins: tuple[str, ...] = ()
) -> Limits:
    """What may come in where the server listens at `host`.

    Beyond loopback a key is needed; it stands in `key_file` or in the environment. Raises MedAdaptError without one,
    and for names and origins that no request can have.
    """
    key = _key(key_file)
    if key is None and not is_loopback(host):
        raise MedAdaptError(
            f"--host {host} lets other machines in, and there is no API key.",
            "a key, so that not everybody may ask",
            f"Put one into a file and name it with --api-key-file, or into the variable {KEY}.",
        )
    named = frozenset(map(_host_name, hosts))
    own = LOOPBACK | {host.lower()} if named or is_loopback(host) else frozenset[str]()
    return Limits(hosts=named | own, origins=frozenset(map(_origin, origins)), key=key)


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


class _Protocol(H11Protocol):
    """Refuses what is no HTTP in the form in which everything is refused."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - its words are for no client
        """Answer in place of the application, which never sees it."""
        answer = problem_response(400, "This is no HTTP request that can be read.", code="http")
        headers = [*answer.raw_headers, (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class _Open:
    """The application, whose open requests can be told that their clients are gone: streams then end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._over = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""

        async def heard() -> Message:
            coming, over = asyncio.ensure_future(receive()), asyncio.ensure_future(self._over.wait())
            try:
                await asyncio.wait({coming, over}, return_when=asyncio.FIRST_COMPLETED)
                return coming.result() if coming.done() else {"type": "http.disconnect"}
            finally:
                coming.cancel()
                over.cancel()

        await self._app(scope, heard if scope["type"] == "http" else receive, send)

    def end(self) -> None:
        """Tell them; in the thread of the server's loop."""
        self._over.set()


class _Server(uvicorn.Server):
    """Remembers which signal stopped it, and gives up what takes too long then."""

    def __init__(self, app: ASGIApp, *, give_up: Callable[[], None], patience: float) -> None:
        self._open = _Open(app)
        self._give_up = give_up
        self.stopped_by: int | None = None
        self.timer = Timer(patience, self._end)
        self.timer.daemon = True
        super().__init__(
            uvicorn.Config(
                self._open,
                http=_Protocol,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop."""
        if self.stopped_by is None:
            self.timer.start()
        self.stopped_by = sig
        super().handle_exit(sig, frame)

    def _end(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.call_later, TELLING_SECONDS, self._open.end)
        self._give_up()


def serve(
    app: ASGIApp,
    listening: socket.socket,
    *,
    give_up: Callable[[], None],
    patience: float = PATIENCE_SECONDS,
) -> None:
    """Answer until a signal comes. Raises KeyboardInterrupt for Ctrl-C.

    What is being answered then is finished within `patience` seconds. After that `give_up` is called, which has to
    tell whoever still waits at once, whatever it does then; and streams are ended.
    """
    server = _Server(app, give_up=give_up, patience=patience)
    server.run(sockets=[listening])
    server.timer.cancel()
    # uvicorn raises it again itself, but asyncio sometimes takes that for the cancelling of a task that has ended.
    if server.stopped_by == signal.SIGINT:
        raise KeyboardInterrupt


def _host_name(given: str) -> str:
    """A name as it stands in a Host header, without a port."""
    name = given.strip("[]").lower()
    if _is_address(name):
        return str(ip_address(name))  # as browsers write it
    if not HOST_NAME.fullmatch(name):
        raise MedAdaptError(
            f"No request can ask under the name {given!r}.",
            "a name or address alone, such as gpu.example.org, without a port",
            "Correct --allow-host.",
        )
    return name


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _origin(given: str) -> str:
    """An origin as browsers send it."""
    origin = given.lower()
    if not ORIGIN.fullmatch(origin):
        raise MedAdaptError(
            f"No page has the origin {given!r}.",
            "scheme, name and port, such as http://localhost:3000, without a slash at the end or a `*`",
            "Correct --allow-origin.",
        )
    return origin


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
