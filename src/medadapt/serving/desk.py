"""Where all of a model's questions arrive: pages and clients ask here, and are answered together.

Questions are made ready in the caller's thread; the model's own thread only computes. A caller reads an answer either
as it comes (`pieces`), or step by step in a loop of its own (`Growing`).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Generator, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Literal

from medadapt.core.errors import MedAdaptError
from medadapt.core.records import Record
from medadapt.core.results import ModelName
from medadapt.examples.tokenising import encoded
from medadapt.predictions.questions import Question
from medadapt.serving.answering import Posed, Room, Weighed, posed_to, question_for, room_for, weigh_all
from medadapt.serving.assistants import Assistant
from medadapt.serving.continuous_batching.requests import Request, Written
from medadapt.serving.continuous_batching.scheduler import ClosedError, Load, Scheduler
from medadapt.serving.sampling import Sampling, check_values
from medadapt.serving.writing import StoppingText

WEIGHED_AT_ONCE = 32
"""Questions whose answers are weighed in one go."""

BORDER = 8
"""Tokens of a prompt that are read again with what is written after them."""
Stopped = Literal["finished", "stop", "length", "context", "cancelled"]
"""The model ended its answer, a stop word came, it is as long as allowed, the context is full, nobody wants it."""


class Growing:
    """The text of an answer whose steps arrive one by one; after `before` as `writing.GrowingText` has it."""

    def __init__(
        self, tokenizer: Any, room: Room, stops: Sequence[str] = (), *, before: Sequence[int] | None = None
    ) -> None:
        self._text = StoppingText(tokenizer, stops, before=before)
        self._room = room
        self.stopped: Stopped | None = None
        """None while it is being written."""

    @property
    def text(self) -> str:
        """All of it that is sure."""
        return self._text.text

    @property
    def num_tokens(self) -> int:
        """How many tokens have arrived."""
        return self._text.num_tokens

    def hear(self, step: Written) -> str:
        """The text that is sure now and was not before. Raises what the model's thread failed with."""
        if step.failed is not None:
            raise step.failed
        piece = "" if step.token is None else self._text.add(step.token)
        if self._text.stopped:
            self.stopped = "stop"
        elif step.ended is not None:
            piece += self._text.rest()
            self.stopped = self._room.stopped if step.ended == "length" else step.ended
        return piece


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weighing:
    """A question whose answers are to be weighed, and where the result goes."""

    record: Record
    question: Question
    model: ModelName
    found: Future[list[Weighed]]
    """Labels or options with their probabilities, the likeliest first."""

    @property
    def shortened(self) -> bool:
        """Whether something was left out of the prompt, because it was too long."""
        return self.question.prompt.truncated


class Desk:
    """An assistant that many ask at once. Use it as a context, or `close` it."""

    def __init__(self, assistant: Assistant, scheduler: Scheduler | None = None) -> None:
        self.assistant = assistant
        self._scheduler = scheduler or Scheduler(assistant.base)
        self._closing_ids = frozenset(assistant.encoder.stopping_ids(assistant.base.end_ids))
        self._weighing = threading.Lock()
        self._to_weigh: list[Weighing] = []
        self._being_weighed: list[Weighing] = []
        self._open: set[Request] = set()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def load(self) -> Load:
        """How much there is to do now."""
        return self._scheduler.load

    def close(self) -> None:
        """Give up what is not answered, and end the model's thread.

        Whoever waits hears of a ClosedError at once, also where the thread first has to finish what takes it long.
        """
        self._give_up()
        self._scheduler.close()
        self._give_up()  # what was asked meanwhile

    def pose(self, record: Record, *, max_new_tokens: int | None = None) -> Posed:
        """A question as the models get it; None: an answer as long as the run's evaluation allows."""
        return posed_to(self.assistant, record, max_new_tokens=max_new_tokens)

    def read(self, text: str) -> tuple[int, ...]:
        """Text as it is, in tokens, with the beginning that the model was trained with; it is to be written on."""
        tokenizer = self.assistant.encoder.tokenizer
        (tokens,) = encoded(tokenizer, [text], special=True, obeyed=True)
        (alone,) = encoded(tokenizer, [text], special=False, obeyed=True)
        ended = [*alone, tokenizer.eos_token_id]  # by the tokenizer, not by the text
        if len(tokens) > 1 and tokens[-len(ended) :] == ended:
            tokens = tokens[:-1]
        return tuple(tokens)

    def room(self, prompt: Sequence[int], wanted: int) -> Room:
        """How long an answer to a prompt may be."""
        return room_for(self.assistant, prompt, wanted)

    def growing(
        self, room: Room, stops: Sequence[str] = (), *, before: Sequence[int] | None = None
    ) -> Growing:
        """An empty answer, or text after the prompt `before`, which is told the steps of a request."""
        last = None if before is None else before[-BORDER:]
        return Growing(self.assistant.encoder.tokenizer, room, stops, before=last)

    def request(
        self, prompt: tuple[int, ...], room: Room, *, model: ModelName, sampling: Sampling, tell: Any
    ) -> Request:
        """Begin an answer; `tell` hears its steps in the model's thread.

        Raises BusyError where too many wait, MedAdaptError for values of `sampling` that make no sense.
        """
        check_values(sampling)

        def heard(step: Written) -> None:
            if request not in self._open:  # it was given up, and is told nothing more
                return
            if step.ended is not None or step.failed is not None:
                self._open.discard(request)
            tell(step)

        request = Request(
            model=model,
            prompt=prompt,
            max_new_tokens=room.tokens,
            closing_ids=self._closing_ids,
            sampling=sampling,
            tell=heard,
        )
        self._open.add(request)
        try:
            self._scheduler.submit(request)
        except MedAdaptError:
            self._open.discard(request)
            raise
        return request

    def pieces(
        self, posed: Posed, *, model: ModelName, sampling: Sampling | None = None
    ) -> Generator[str, None, Growing]:
        """An answer piece by piece. Closing it early tells the model that no more is wanted."""
        steps: SimpleQueue[Written] = SimpleQueue()
        growing = self.growing(posed.room)
        request = self.request(
            posed.tokens, posed.room, model=model, sampling=sampling or Sampling(), tell=steps.put
        )
        try:
            while growing.stopped is None:
                if piece := growing.hear(steps.get()):
                    yield piece
        finally:
            request.cancel()
        return growing

    def weigh(self, record: Record, *, model: ModelName) -> Weighing:
        """Begin to weigh labels or options. Questions that wait are read together."""
        question = question_for(self.assistant, record)
        asked = Weighing(record=record, question=question, model=model, found=Future())
        with self._weighing:
            self._to_weigh.append(asked)
        try:
            self._scheduler.call(self._weigh_some)
        except MedAdaptError:
            with self._weighing:
                self._to_weigh = [one for one in self._to_weigh if one is not asked]
            raise
        return asked

    def _give_up(self) -> None:
        for request in list(self._open):
            request.cancel()
            request.tell(Written(failed=ClosedError()))
        with self._weighing:
            waiting, self._to_weigh = [*self._being_weighed, *self._to_weigh], []
        for one in waiting:
            _settle(one, ClosedError())

    def _weigh_some(self) -> None:
        """All that wait by now; whoever comes later finds nothing left to do."""
        with self._weighing:
            some = self._to_weigh[:WEIGHED_AT_ONCE]
            self._to_weigh = self._to_weigh[WEIGHED_AT_ONCE:]
            self._being_weighed = [one for one in some if one.found.set_running_or_notify_cancel()]
        asked: dict[ModelName, list[Weighing]] = defaultdict(list)
        for one in self._being_weighed:
            asked[one.model].append(one)
        try:
            for model, together in asked.items():
                self._weigh_together(together, model)
        finally:
            with self._weighing:  # else what failed, and the tensors of its traceback, would stay in memory
                self._being_weighed = []

    def _weigh_together(self, some: Sequence[Weighing], model: ModelName) -> None:
        """Weigh what is asked of one model, one by one where that fails: perhaps memory suffices for each alone."""
        try:
            weighed = weigh_all(self.assistant, [(one.record, one.question) for one in some], model=model)
        except Exception as problem:
            if len(some) == 1:
                _settle(some[0], problem)
                return
        else:
            for one, found in zip(some, weighed, strict=True):
                _settle(one, found)
            return
        # Outside of the handler, whose traceback holds the tensors of what failed.
        for one in some:
            self._weigh_together([one], model)


def _settle(one: Weighing, found: list[Weighed] | Exception) -> None:
    """Tell what was found, or why nothing was, unless the question was given up meanwhile."""
    with suppress(InvalidStateError):
        if isinstance(found, Exception):
            one.found.set_exception(found)
        else:
            one.found.set_result(found)
