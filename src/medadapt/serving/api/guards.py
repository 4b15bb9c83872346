"""Who may ask, and how much: checked before a request is read.

A page in a browser on the same machine could otherwise reach a server on loopback, under a name of its own for that
address (DNS rebinding) or from another origin; so Host and Origin are checked, and a body must be JSON, which a
foreign page cannot send without being asked first. Pages of origins that are let in are told so (CORS).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medadapt.serving.api.problems import CODES, problem_response

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN = frozenset({"/healthz"})
"""Paths that need no key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is let in."""

    hosts: frozenset[str] = LOOPBACK
    """Names under which the server may be asked; empty where any will do."""
    origins: frozenset[str] = frozenset()
    """Origins of pages that may ask, besides pages of the server itself."""
    key: str | None = None
    """What must stand behind `Bearer`; None where no key is needed."""
    body_bytes: int = 1 << 20


def is_loopback(host: str) -> bool:
    """Whether a server that listens there can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses what may not come in."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._limits = limits
        self._inner: ASGIApp = _Admission(app, limits)
        if limits.origins:  # a browser asks first whether its page may, without the key
            self._inner = CORSMiddleware(
                self._inner,
                allow_origins=sorted(limits.origins),
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a refusal."""
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        if refusal is None:
            await self._inner(scope, receive, send)
        else:
            await problem_response(403, refusal[0], code=refusal[1])(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[str, str] | None:
        """Message and code."""
        headers, limits = Headers(scope=scope), self._limits
        host = headers.get("host", "")
        if limits.hosts and _name_of(host) not in limits.hosts:
            return "This server is not asked under that Host.", "host"
        origin = headers.get("origin")
        if origin is not None and not (_is_own(origin, host) or origin in limits.origins):
            return "Pages of that Origin may not ask this server.", "origin"
        return None


class _Admission:
    """Refuses a missing key, and bodies that are too large or no JSON."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a refusal."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, _measured(receive, self._limits.body_bytes), send)
            return
        status, message, code = refusal
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
        await problem_response(status, message, code=code, headers=headers)(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        """Status, message and code."""
        headers, limits = Headers(scope=scope), self._limits
        if limits.key is not None and scope["path"] not in OPEN and not _has_key(headers, limits.key):
            return 401, "The API key is missing or wrong.", "key"
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit():
            return 400, "Content-Length is no number.", "length"
        if int(length) > limits.body_bytes:
            return 413, _too_large(limits.body_bytes), CODES[413]
        if int(length) or "transfer-encoding" in headers:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return 415, "The body must be application/json.", "content_type"
        return None


def _measured(receive: Receive, most: int) -> Receive:
    """The same, but a body that turns out to be larger than it may be ends the request."""
    read = 0

    async def measured() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            raise HTTPException(413, _too_large(most))
        return message

    return measured


def _too_large(most: int) -> str:
    return f"The body may have {most:,} bytes."


def _name_of(host: str) -> str:
    """The name in a Host header, without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_own(origin: str, host: str) -> bool:
    return origin in {f"http://{host}", f"https://{host}"}


def _has_key(headers: Headers, key: str) -> bool:
    kind, _, given = headers.get("authorization", "").partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode())
