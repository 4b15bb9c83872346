"""The thread that owns the model."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from queue import SimpleQueue

import pytest
import torch

from medadapt.models.speaking import speaking_as
from medadapt.serving.continuous_batching.batch import Batch
from medadapt.serving.continuous_batching.one_by_one import Turns
from medadapt.serving.continuous_batching.requests import Request
from medadapt.serving.continuous_batching.scheduler import BusyError, ClosedError, Scheduler
from medadapt.serving.sampling import Sampling
from serving.continuous_batching.test_batch import no_memory, prompts
from serving.test_writing import PROMPTS, tuned_base, written

PATIENCE = 30


def asked(scheduler, prompt, *, model="tuned", most=12):
    """A request that is submitted, and the queue of what it is told."""
    told: SimpleQueue = SimpleQueue()
    request = Request(
        model=model, prompt=tuple(prompt), max_new_tokens=most, closing_ids=frozenset(), tell=told.put
    )
    scheduler.submit(request)
    return request, told


def answer(told):
    """All tokens, and the last thing told."""
    tokens = []
    while True:
        step = told.get(timeout=PATIENCE)
        if step.token is not None:
            tokens.append(step.token)
        if step.ended or step.failed:
            return tokens, step


class Held:
    """Keeps the scheduler's thread busy until it is let go."""

    def __init__(self, scheduler):
        self.free, begun = threading.Event(), threading.Event()

        def hold():
            begun.set()
            self.free.wait(PATIENCE)

        scheduler.call(hold)
        assert begun.wait(PATIENCE)


def test_baseline_and_tuned_are_answered_over_one_copy_of_the_weights():
    base = tuned_base("llama")
    alone = {}
    for name in ("baseline", "tuned"):
        with speaking_as(base.model, name):
            alone[name] = [written(base, prompt, most=12) for prompt in prompts(6)]
    assert alone["baseline"] != alone["tuned"]
    with Scheduler(base) as scheduler:
        both = {name: [asked(scheduler, prompt, model=name)[1] for prompt in prompts(6)] for name in alone}
        assert {name: [answer(told)[0] for told in some] for name, some in both.items()} == alone


def test_more_requests_than_rows_wait_and_are_answered():
    base = tuned_base("llama")
    with Scheduler(base, most_rows=2) as scheduler:
        told = [asked(scheduler, prompt, most=4)[1] for prompt in prompts(7)]
        assert [answer(one)[0] for one in told] == [written(base, prompt, most=4) for prompt in prompts(7)]


def test_a_full_queue_refuses():
    with Scheduler(tuned_base("llama"), most_waiting=2) as scheduler:
        held = Held(scheduler)
        for _ in range(2):
            asked(scheduler, [5])
        assert scheduler.load.waiting == 2
        with pytest.raises(BusyError, match="2 requests wait"):
            asked(scheduler, [5])
        held.free.set()


def test_a_request_that_is_cancelled_while_it_waits_is_told_so():
    with Scheduler(tuned_base("llama")) as scheduler:
        held = Held(scheduler)
        request, told = asked(scheduler, [5])
        request.cancel()
        held.free.set()
        assert answer(told)[1].ended == "cancelled"


def test_other_work_is_done_between_steps_and_its_errors_are_the_callers():
    with Scheduler(tuned_base("llama")) as scheduler:
        _, told = asked(scheduler, [5], most=40)
        assert scheduler.call(lambda: threading.current_thread().name).result(PATIENCE) == "medadapt-model"
        with pytest.raises(ZeroDivisionError):
            scheduler.call(lambda: 1 / 0).result(PATIENCE)
        assert len(answer(told)[0]) == 40


def test_what_fails_in_a_step_is_told_and_the_next_request_is_answered(monkeypatch):
    base = tuned_base("llama")
    with Scheduler(base) as scheduler:
        with monkeypatch.context() as broken:
            broken.setattr(Batch, "_read", lambda _: (_ for _ in ()).throw(RuntimeError("out of memory")))
            assert str(answer(asked(scheduler, [5])[1])[1].failed) == "out of memory"
        assert answer(asked(scheduler, [5])[1])[0] == written(base, [5], most=12)


def test_a_prompt_whose_reading_fails_is_told(monkeypatch):
    base = tuned_base("llama")
    for prompt in ([5, 6], list(range(5, 40)) * 20):  # read whole, and in pieces
        with Scheduler(base) as scheduler:
            with monkeypatch.context() as broken:
                broken.setattr(Batch, "_read_tokens", no_memory)
                assert str(answer(asked(scheduler, prompt)[1])[1].failed) == "out of memory"
            assert scheduler.load.answering == 0
            assert answer(asked(scheduler, [5], most=3)[1])[0] == written(base, [5], most=3)


def test_a_row_whose_prompt_cannot_join_is_told(monkeypatch):
    base = tuned_base("llama")
    with Scheduler(base) as scheduler, monkeypatch.context() as broken:
        broken.setattr("medadapt.serving.continuous_batching.batch.growing", no_memory)
        assert str(answer(asked(scheduler, [5, 6])[1])[1].failed) == "out of memory"


@pytest.mark.parametrize("kind", [Batch, Turns])
def test_a_draw_that_fails_ends_its_own_request_and_no_other(kind, monkeypatch):
    base = tuned_base("llama")
    monkeypatch.setattr("medadapt.serving.continuous_batching.scheduler.Batch", kind)
    monkeypatch.setattr(torch, "multinomial", no_memory)
    with Scheduler(base) as scheduler:
        held = Held(scheduler)
        told = asked(scheduler, PROMPTS[0], most=12)[1]
        drawn: SimpleQueue = SimpleQueue()
        scheduler.submit(
            Request(
                model="tuned", prompt=(5, 6), max_new_tokens=4, closing_ids=frozenset(), tell=drawn.put,
                sampling=Sampling(temperature=1.0),
            )
        )  # fmt: skip
        held.free.set()
        assert str(answer(drawn)[1].failed) == "out of memory"
        assert answer(told)[0] == written(base, PROMPTS[0], most=12)


@pytest.mark.parametrize("kind", [Batch, Turns])
def test_settings_that_cannot_be_used_end_their_own_request_and_no_other(kind, monkeypatch):
    base = tuned_base("llama")
    monkeypatch.setattr("medadapt.serving.continuous_batching.scheduler.Batch", kind)
    with Scheduler(base) as scheduler:
        told: SimpleQueue = SimpleQueue()
        scheduler.submit(
            Request(
                model="tuned", prompt=(5, 6), max_new_tokens=4, closing_ids=frozenset(), tell=told.put,
                sampling=Sampling(temperature=float("nan")),
            )
        )  # fmt: skip
        assert isinstance(answer(told)[1].failed, ValueError)
        assert answer(asked(scheduler, [5])[1])[0] == written(base, [5], most=12)


def test_closing_tells_everybody():
    scheduler = Scheduler(tuned_base("llama"), most_rows=1)
    _, runs = asked(scheduler, [5], most=10_000)
    runs.get(timeout=PATIENCE)
    held = Held(scheduler)
    _, waits = asked(scheduler, [6])
    work = scheduler.call(lambda: None)
    closing = threading.Thread(target=scheduler.close)
    closing.start()
    held.free.set()
    closing.join(PATIENCE)
    for told in (runs, waits):
        assert isinstance(answer(told)[1].failed, ClosedError)
    with pytest.raises(CancelledError):
        work.result(PATIENCE)
    with pytest.raises(ClosedError):
        asked(scheduler, [5])
