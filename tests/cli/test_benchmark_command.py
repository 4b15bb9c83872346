"""`medadapt benchmark` on the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medadapt.cli.show_benchmark import remarks
from medadapt.core.errors import DataError

ON = "medmcqa=sample:rows/mcq"


def test_a_run_of_any_task_can_be_asked(finished: Path, use: Callable[..., Any]):
    code, out, _ = use("benchmark", finished, "--on", ON, "--limit", "6", "--device", "cpu", "--json")

    found = json.loads(out)
    assert code == found["exit_code"] == 0
    assert found["sets"]["medmcqa"]["n"] == 6
    assert found["together"] is None


def test_the_table_shows_both_models_and_the_control(finished: Path, use: Callable[..., Any]):
    _, out, _ = use("benchmark", finished, "--on", ON, "--limit", "6", "--device", "cpu")

    assert "medmcqa" in out
    assert "most frequent" in out
    assert "points" in out


def test_an_unknown_set_is_refused(finished: Path, use: Callable[..., Any]):
    with pytest.raises(DataError, match="did you mean 'medqa'"):
        use("benchmark", finished, "--on", "medqaa=x.jsonl")


def test_remarks_say_what_qualifies_the_figures():
    leaf = {"value": 0.5, "low": 0.4, "high": 0.6}
    values = {
        "n": 100,
        "unusable": {"unlabelled": 2},
        "truncated": 1,
        "leakage": {"near": 3, "exact": 1},
        "clean": {"baseline": {"accuracy": leaf}, "tuned": {"accuracy": leaf}},
        "baseline": {"accuracy": leaf, "macro_f1": leaf},
        "tuned": {"accuracy": leaf, "macro_f1": leaf},
        "against_control": {"verdict": "not shown"},
    }

    told = " ".join(remarks(values))

    for words in (
        "2 rows cannot be asked (unlabelled 2)",
        "1 prompt did not fit",
        "3 of 100 questions were seen in training, 1 of them word for word",
        "without them: base 50.0%",
        "macro F1: base 50.0%",
        "not shown to be better than always giving",
    ):
        assert words in told
