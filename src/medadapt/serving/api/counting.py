"""What the server counts, in Prometheus's format. No text of a question or an answer is among it."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medadapt.serving.desk import Desk

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The counters, and the registry that they stand in."""

    registry: CollectorRegistry
    requests: Counter
    read: Counter
    written: Counter
    first_token: Histogram
    whole: Histogram

    def text(self) -> bytes:
        """All of them, as `/metrics` shows them."""
        return generate_latest(self.registry)


def new_counts(desk: Desk) -> Counts:
    """Counters at zero."""
    registry = CollectorRegistry()
    counts = Counts(
        registry=registry,
        requests=Counter(
            "medadapt_requests", "Requests by path and status.", ["path", "status"], registry=registry
        ),
        read=Counter("medadapt_prompt_tokens", "Tokens of prompts.", ["model"], registry=registry),
        written=Counter("medadapt_completion_tokens", "Tokens written.", ["model"], registry=registry),
        first_token=Histogram(
            "medadapt_first_token_seconds", "Until the first text.", buckets=SECONDS, registry=registry
        ),
        whole=Histogram(
            "medadapt_answer_seconds", "Until the end of an answer.", buckets=SECONDS, registry=registry
        ),
    )
    answering = Gauge("medadapt_answering", "Requests that are being answered.", registry=registry)
    answering.set_function(lambda: desk.load.answering)
    waiting = Gauge("medadapt_waiting", "Requests that wait.", registry=registry)
    waiting.set_function(lambda: desk.load.waiting)
    return counts


class Counted:
    """Counts every request by its path and status; paths that are not ours are one."""

    def __init__(self, app: ASGIApp, counts: Counts, paths: frozenset[str]) -> None:
        self._app, self._counts, self._paths = app, counts, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through and see how it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            path = scope["path"] if scope["path"] in self._paths else "other"
            self._counts.requests.labels(path, str(status or "none")).inc()
