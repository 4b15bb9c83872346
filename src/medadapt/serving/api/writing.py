"""An answer for a client: whole, or as a stream of events; it ends when the client goes or its time is up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from medadapt.core.results import ModelName
from medadapt.serving.answering import Room
from medadapt.serving.api.counting import Counts
from medadapt.serving.api.problems import ApiError, response_to
from medadapt.serving.api.schemas import FinishReason, Usage
from medadapt.serving.continuous_batching.requests import Written
from medadapt.serving.desk import Desk, Growing
from medadapt.serving.sampling import Sampling

T = TypeVar("T")
TOO_LONG = "The answer took too long."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be written."""

    model: ModelName
    prompt: tuple[int, ...]
    room: Room
    sampling: Sampling
    stops: Sequence[str]
    as_it_stands: bool = False
    """Whether the text goes on from the prompt's own, white space and all."""


class Answer:
    """One answer while a client waits for it."""

    def __init__(self, desk: Desk, counts: Counts, order: Order, *, seconds: float) -> None:
        self._desk, self._counts, self._order = desk, counts, order
        self._until = time.monotonic() + seconds
        self._begun = time.monotonic()
        before = order.prompt if order.as_it_stands else None
        self._growing: Growing = desk.growing(order.room, order.stops, before=before)
        self._steps: asyncio.Queue[Written] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def tell(step: Written) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                loop.call_soon_threadsafe(self._steps.put_nowait, step)

        self._request = desk.request(
            order.prompt, order.room, model=order.model, sampling=order.sampling, tell=tell
        )

    async def pieces(self) -> AsyncIterator[str]:
        """The text as it comes. Raises ApiError when its time is up."""
        first = True
        try:
            while self._growing.stopped is None:
                try:
                    async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._left()):
                        step = await self._steps.get()
                except TimeoutError as problem:
                    raise ApiError(504, TOO_LONG, code="time") from problem
                if piece := self._growing.hear(step):
                    if first:
                        self._counts.first_token.observe(time.monotonic() - self._begun)
                        first = False
                    yield piece
        finally:
            self._request.cancel()
            self._count()

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self._request.cancel()

    async def whole(self) -> str:
        """The whole text."""
        return "".join([piece async for piece in self.pieces()])

    @property
    def usage(self) -> Usage:
        """Tokens so far."""
        read, written = len(self._order.prompt), self._growing.num_tokens
        return Usage(prompt_tokens=read, completion_tokens=written, total_tokens=read + written)

    @property
    def finish_reason(self) -> FinishReason:
        """Why it ended, in OpenAI's words."""
        return "length" if self._growing.stopped in {"length", "context"} else "stop"

    def _left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def _count(self) -> None:
        usage, model = self.usage, self._order.model
        self._counts.read.labels(model).inc(usage.prompt_tokens)
        self._counts.written.labels(model).inc(usage.completion_tokens)
        self._counts.whole.observe(time.monotonic() - self._begun)


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """The result of some work, which is given up when the client goes."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ApiError(499, "The client is gone.", code="gone")
        return await task
    finally:
        for one in (task, gone):
            one.cancel()


def events(
    answer: Answer,
    *,
    first: Sequence[Mapping[str, Any]],
    each: Callable[[str], Mapping[str, Any]],
    last: Callable[[Answer], Sequence[Mapping[str, Any]]],
) -> StreamingResponse:
    """Server-sent events: what comes first, one for each piece, what comes last, and `[DONE]`."""

    async def lines() -> AsyncIterator[bytes]:
        for values in first:
            yield _event(values)
        try:
            async for piece in answer.pieces():
                yield _event(each(piece))
        except Exception as problem:  # the status is sent already: the stream itself has to say so
            yield b"data: " + bytes(response_to(problem).body) + b"\n\n"
            return
        for values in last(answer):
            yield _event(values)
        yield b"data: [DONE]\n\n"

    return _Events(lines(), answer)


class _Events(StreamingResponse):
    """A stream whose answer is given up with it, also where it never began."""

    def __init__(self, lines: AsyncIterator[bytes], answer: Answer) -> None:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(lines, media_type="text/event-stream", headers=headers)
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._answer.cancel()


def _event(values: Mapping[str, Any]) -> bytes:
    # In ASCII: some clients end a line at U+0085, U+2028 or U+2029, too.
    return b"data: " + json.dumps(values).encode() + b"\n\n"


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
