"""The thread that owns the model."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from queue import SimpleQueue

import pytest

from medadapt.models.speaking import speaking_as
from medadapt.serving.continuous_batching.batch import Batch
from medadapt.serving.continuous_batching.requests import Request
from medadapt.serving.continuous_batching.scheduler import BusyError, ClosedError, Scheduler
from serving.continuous_batching.test_batch import prompts
from serving.test_writing import tuned_base, written

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
