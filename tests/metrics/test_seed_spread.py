"""The spread between seeds against the standard library."""

from __future__ import annotations

import statistics
from typing import Any

import pytest

from medadapt.metrics.seed_spread import seed_spread


def metrics(value: float | None, verdict: str = "not shown") -> dict[str, Any]:
    """A run whose baseline has 0.5."""
    shift = None if value is None else value - 0.5
    reason = "no value" if value is None else None
    return {
        "primary": "accuracy",
        "alpha": 0.05,
        "n": 61,
        "tuned": {"accuracy": {"value": value}},
        "difference": {
            "accuracy": {"value": shift, "low": -0.1, "high": 0.4, "reason": reason, "verdict": verdict}
        },
    }


def test_mean_spread_and_ends_are_those_of_the_differences():
    values = [0.7, 0.6, 0.85]
    found = seed_spread({seed: metrics(value) for seed, value in zip([4, 5, 6], values, strict=True)})
    shifts = [value - 0.5 for value in values]
    assert found["seeds"] == [4, 5, 6]
    assert found["values"] == {"4": 0.7, "5": 0.6, "6": 0.85}
    assert found["mean"] == pytest.approx(statistics.mean(shifts))
    assert found["sd"] == pytest.approx(statistics.stdev(shifts))
    assert (found["low"], found["high"]) == (min(shifts), max(shifts))


def test_the_sampling_interval_is_that_of_the_recipes_seed():
    found = seed_spread({1: metrics(0.7), 0: metrics(0.9)})
    assert found["sampling_interval"] == {
        "value": pytest.approx(0.2),
        "low": -0.1,
        "high": 0.4,
        "reason": None,
    }


def test_verdicts_stand_by_seed():
    found = seed_spread({0: metrics(0.7, "better"), 1: metrics(0.5)})
    assert found["verdicts"] == {"0": "better", "1": "not shown"}


@pytest.mark.parametrize("values", [{0: 0.7}, {0: 0.7, 1: None, 2: 0.8}, {0: None, 1: None}])
def test_without_two_known_differences_there_is_no_spread_and_a_reason(values):
    found = seed_spread({seed: metrics(value) for seed, value in values.items()})
    assert [found[key] for key in ("mean", "sd", "low", "high")] == [None] * 4
    assert found["reason"]


def test_a_gate_that_failed_stands_under_its_seed():
    diverged = metrics(0.2) | {"findings": [{"kind": "diverged", "exit_code": 4}]}
    known = metrics(0.7) | {"findings": [{"kind": "worse_than_uniform", "exit_code": 0}]}
    assert seed_spread({0: known, 1: diverged})["failed"] == {"1": ["diverged"]}
