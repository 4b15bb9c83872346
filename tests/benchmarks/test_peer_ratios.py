"""Ratios of interleaved rounds."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.ratios import ratio, ratios_of


def test_a_ratio_is_that_of_the_medians_with_the_spread_of_the_rounds():
    found = ratio([30.0, 10.0, 20.0], [5.0, 10.0, 4.0])
    assert (found.value, found.low, found.high) == (4.0, 1.0, 6.0)


def test_a_broken_gate_leaves_no_figure():
    found = ratios_of({"native": [10.0], "trl": [5.0]}, {"trl": ["rows", "rows"]}, ours="native")["trl"]
    assert (found.value, found.low, found.high, found.refused) == (None, None, None, ("rows",))


def test_our_own_broken_gate_refuses_every_ratio():
    found = ratios_of({"native": [10.0], "trl": [5.0]}, {"native": ["loss"], "trl": []}, ours="native")
    assert found["trl"].value is None
    assert found["trl"].refused == ("ours: loss",)
    assert set(found) == {"trl"}
