"""The time of one call, as the roof of a machine is made of."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import roof
from roof import QUEUED, _seconds


class Queue:
    """A GPU's clock: a call takes `call` seconds of it, and the first one waits until it has been launched."""

    def __init__(self, call: float, launch: float) -> None:
        self.call, self.launch = call, launch
        self.now, self.is_idle, self.most = 0.0, True, 0

    def work(self) -> None:
        self.now += self.call + self.launch * self.is_idle
        self.is_idle = False

    def event(self, *, enable_timing: bool) -> Queue.Event:
        assert enable_timing
        return Queue.Event(self)

    class Event:
        def __init__(self, queue: Queue) -> None:
            self.queue = queue

        def record(self) -> None:
            self.at = self.queue.now

        def synchronize(self) -> None:
            self.queue.is_idle = True

        def elapsed_time(self, end: Queue.Event) -> float:
            """In milliseconds."""
            return (end.at - self.at) * 1e3


@pytest.mark.parametrize("call", [2e-6, 1e-3, 0.3])
def test_on_a_gpu_the_launch_hardly_counts_in_the_time_of_a_call(call, monkeypatch):
    queue = Queue(call, launch=1e-5)
    monkeypatch.setattr(torch.cuda, "Event", queue.event)
    found = _seconds(queue.work, torch.device("cuda"))
    assert call < found <= call * 1.01 + 1e-5 / QUEUED * 1.01


def test_a_roof_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(roof, "LONGEST_RUN_S", 0.01)
    with pytest.raises(RuntimeError, match="not measured within"):
        roof.measure_anew(Path("llama-42m.json"), tokens=8, precision="fp32")
