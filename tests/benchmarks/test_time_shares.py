"""The shares of time by kind of work."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from time_shares import REST, kind_of, time_shares, told


def test_time_is_counted_where_it_is_spent():
    square = torch.randn(600, 600)

    def work() -> None:
        for _ in range(5):
            square @ square
        time.sleep(0.5)

    shares = time_shares(work)
    assert sum(shares.values()) == pytest.approx(1)
    assert max(shares, key=shares.__getitem__) == REST
    del shares[REST]
    assert max(shares, key=shares.__getitem__) == "matrix products"


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("addmm", "matrix products"), ("silu_", "elementwise and sums"), ("copy_", "copies")],
)
def test_operations_have_the_names_of_their_kind(operation, kind):
    assert kind_of(operation) == kind


def test_on_a_gpu_nothing_is_looked_at_and_the_words_say_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert told(time_shares(lambda: torch.ones(3) * 2)) == "not looked at on a GPU"


def test_small_shares_are_left_out():
    assert told({"matrix products": 0.612, "copies": 0.004}) == "matrix products 61 %"
