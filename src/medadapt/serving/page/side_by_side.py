"""Both models answer one question at the same time; what a viewer sees of that, step by step."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Literal

from medadapt.core.results import ModelName
from medadapt.serving.answering import Posed
from medadapt.serving.continuous_batching.requests import Request, Written
from medadapt.serving.desk import Desk, Stopped
from medadapt.serving.sampling import Sampling

EVERY = 0.05
"""Seconds between two looks: more often nobody sees a difference, and the browser has to draw each."""
Ending = Stopped | Literal["failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An answer as far as it is written."""

    text: str
    stopped: Ending | None
    """None while it is being written."""
    failed: Exception | None = None
    """Why there is no more, where the model failed."""


class Stop:
    """Ends answers that are being written, from another thread."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._pressed = False
        self.forgotten = False
        """Whether nobody wants to see what is written by now, either."""

    def add(self, request: Request) -> None:
        """One more answer to end; at once where that was asked for before."""
        self._requests.append(request)
        if self._pressed:
            request.cancel()

    def press(self, *, forget: bool = False) -> None:
        """No more comes; what is written by now stays, unless it is to be forgotten."""
        self.forgotten = self.forgotten or forget
        self._pressed = True
        for request in self._requests:
            request.cancel()


def side_by_side(
    desk: Desk, asked: Mapping[ModelName, Posed], sampling: Sampling | None = None, stop: Stop | None = None
) -> Generator[dict[ModelName, Seen]]:
    """Each model's answer to its question, again and again until all have ended; one may fail without the other.

    Closing it early gives the answers up; `stop` ends them as they are. Raises BusyError.
    """
    steps: SimpleQueue[tuple[ModelName, Written]] = SimpleQueue()
    growing = {model: desk.growing(posed.room) for model, posed in asked.items()}
    failed: dict[ModelName, Exception] = {}
    stop = stop or Stop()
    try:
        for model, posed in asked.items():

            def tell(step: Written, model: ModelName = model) -> None:
                steps.put((model, step))

            stop.add(
                desk.request(
                    posed.tokens, posed.room, model=model, sampling=sampling or Sampling(), tell=tell
                )
            )
        while any(one.stopped is None and name not in failed for name, one in growing.items()):
            until = time.monotonic() + EVERY
            model, step = steps.get()
            while True:
                if step.failed is None:
                    growing[model].hear(step)
                else:
                    failed[model] = step.failed
                try:
                    model, step = steps.get(timeout=max(0.0, until - time.monotonic()))
                except Empty:
                    break
            yield {
                name: Seen(
                    text=one.text,
                    stopped="failed" if name in failed else one.stopped,
                    failed=failed.get(name),
                )
                for name, one in growing.items()
            }
    finally:
        stop.press()
