"""The one thread that owns the model: it answers requests together, and does other work on the model between steps."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from medadapt.core.errors import MedAdaptError
from medadapt.core.results import ModelName
from medadapt.models.continuing import can_continue, takes_positions
from medadapt.models.loading import LoadedBase
from medadapt.models.speaking import speaking_as
from medadapt.predictions.batching import answering
from medadapt.serving.continuous_batching.batch import Batch
from medadapt.serving.continuous_batching.one_by_one import Turns
from medadapt.serving.continuous_batching.requests import Request, Written

T = TypeVar("T")

MOST_ROWS = 32
"""Requests answered at once; more have to wait."""
MOST_WAITING = 256


class BusyError(MedAdaptError):
    """So much waits already that more would wait too long."""

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} requests wait already.", "fewer at a time", "Try again in a moment.")


class ClosedError(MedAdaptError):
    """Nothing is answered any more."""

    def __init__(self) -> None:
        super().__init__("The model is being shut down.", "a running server", "Start it again.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How much there is to do."""

    answering: int
    waiting: int


class Scheduler:
    """Answers requests to a model and its baseline. Use it as a context, or `close` it."""

    def __init__(
        self, model: LoadedBase, *, most_rows: int = MOST_ROWS, most_waiting: int = MOST_WAITING
    ) -> None:
        self._model = model
        self._most_rows, self._most_waiting = most_rows, most_waiting
        self._changed = threading.Condition()
        self._waiting: deque[Request] = deque()
        self._work: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._closing = False
        kind = Batch if can_continue(model.model) and takes_positions(model.model) else Turns
        self._batches: dict[ModelName, Batch | Turns] = {name: kind(model) for name in get_args(ModelName)}
        self._thread = threading.Thread(target=self._run, name="medadapt-model", daemon=True)
        self._thread.start()

    def __enter__(self) -> Scheduler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def load(self) -> Load:
        """How much there is to do now."""
        return Load(
            answering=sum(map(len, self._batches.values())), waiting=len(self._waiting) + len(self._work)
        )

    def submit(self, request: Request) -> None:
        """Have a request answered. Raises BusyError where too many wait, ClosedError after `close`."""
        with self._changed:
            self._check_room(len(self._waiting))
            self._waiting.append(request)
            self._changed.notify()

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Have other work done with the model, between two steps. Raises as `submit` does."""
        found: Future[T] = Future()
        with self._changed:
            self._check_room(len(self._work))
            self._work.append((work, found))
            self._changed.notify()
        return found

    def close(self, *, timeout: float | None = None) -> None:
        """Give up what is not answered, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)

    def _check_room(self, waiting: int) -> None:
        if self._closing:
            raise ClosedError
        if waiting >= self._most_waiting:
            raise BusyError(waiting)

    def _run(self) -> None:
        with answering(self._model.model):
            while self._admit():
                self._do_work()
                for name, batch in self._batches.items():
                    if len(batch):
                        self._advance(name, batch)
        for batch in self._batches.values():
            batch.fail(ClosedError())
        for request in self._waiting:
            request.tell(Written(failed=ClosedError()))
        for _, found in self._work:
            found.cancel()

    def _admit(self) -> bool:
        """Wait for something to do, and let waiting requests in; False when it is over."""
        with self._changed:
            busy = any(map(len, self._batches.values()))
            while not (busy or self._waiting or self._work or self._closing):
                self._changed.wait()
            if self._closing:
                return False
            room = self._most_rows - sum(map(len, self._batches.values()))
            cancelled = [request for request in self._waiting if request.cancelled]
            admitted = [request for request in self._waiting if not request.cancelled][:room]
            for request in (*cancelled, *admitted):
                self._waiting.remove(request)
        for request in cancelled:
            request.tell(Written(ended="cancelled"))
        for request in admitted:
            self._let_in(request)
        return True

    def _let_in(self, request: Request) -> None:
        try:
            self._batches[request.model].add(request)
        except Exception as problem:  # such as settings that cannot be used: others must still be answered
            request.tell(Written(failed=problem))

    def _do_work(self) -> None:
        """One piece of other work, so that those who are being answered wait for no more than that."""
        with self._changed:
            if not self._work:
                return
            work, found = self._work.popleft()
        if not found.set_running_or_notify_cancel():
            return
        try:
            found.set_result(work())
        except Exception as problem:  # it is the caller's, wherever that is
            found.set_exception(problem)

    def _advance(self, name: ModelName, batch: Batch | Turns) -> None:
        try:
            with speaking_as(self._model.model, name):
                batch.advance()
        except Exception as problem:  # such as no memory: others must still be answered
            batch.fail(problem)
