"""`medadapt benchmark` on the terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from medadapt.cli.show_benchmark import benchmark_table, remarks
from medadapt.core.errors import DataError
from medadapt.core.standard_sets import MMLU_SUBSETS
from medadapt.workflow.benchmarking.session import Benchmark

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


def figures(value: float, *, change: float, verdict: str = "not shown") -> dict[str, Any]:
    """What the table shows of a set, with the widest texts that there are."""
    leaf = {"value": value, "low": value / 2, "high": 1.0}
    ends = {"low": -1.0, "high": 1.0, "p": 0.0625, "p_adjusted": None, "verdict": verdict}
    return {
        "n": 12_723,
        "baseline": {"accuracy": leaf},
        "tuned": {"accuracy": leaf},
        "difference": {"accuracy": {"value": change, **ends}},
        "controls": {"majority": {"accuracy": leaf}},
    }


def test_no_figure_of_the_table_is_cut_at_80_columns(tmp_path: Path):
    whole = figures(0.4375, change=-0.3125)
    mmlu = {**whole, "subsets": dict.fromkeys(MMLU_SUBSETS, whole), "macro": whole}
    done = Benchmark(
        sets={"medmcqa": whole, "mmlu-medical": mmlu},
        together={"macro": whole, "pooled": whole},
        folder=tmp_path,
    )
    text = io.StringIO()

    Console(file=text, width=80).print(benchmark_table(done))

    shown = text.getvalue()
    rows = len(MMLU_SUBSETS) + 5
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    for figure, times in (
        ("12,723", rows),
        ("43.8%", 3 * rows),
        ("21.9–100.0%", 2 * rows),
        ("−31.2 points", rows),
        ("−100.0 to +100.0", rows),
        ("not shown", rows),
        ("p = 0.062", rows),
    ):
        assert shown.count(figure) == times, (figure, shown)
    for word in " ".join(MMLU_SUBSETS).replace("_", " ").split():
        assert word in shown


def test_an_unknown_set_is_refused(finished: Path, use: Callable[..., Any]):
    with pytest.raises(DataError, match="did you mean 'medqa'"):
        use("benchmark", finished, "--on", "medqaa=x.jsonl")


def test_remarks_say_what_qualifies_the_figures():
    leaf = {"value": 0.5, "low": 0.4, "high": 0.6}
    values = {
        "name": "medqa",
        "protocol": {"base": "clinic/mistral-7B-SFT-medqa-cot"},
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
        "its name suggests that the base was trained on questions of this set",
        "2 rows cannot be asked (unlabelled 2)",
        "1 prompt did not fit",
        "3 of 100 questions were seen in training, 1 of them word for word",
        "without them: base 50.0%",
        "macro F1: base 50.0%",
        "not shown to be better than always giving",
    ):
        assert words in told
