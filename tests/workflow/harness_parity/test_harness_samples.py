"""The log of lm-evaluation-harness: one recorded from version 0.4.13, and damaged ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import DataError
from medadapt.workflow.harness_parity.samples import read_samples
from medadapt.workflow.harness_parity.task_files import HarnessTask

RECORDED = Path(__file__).with_name("recorded_samples.jsonl")
"""Bundled questions, asked of stories260K by lm-eval 0.4.13."""
TASK = HarnessTask(name="medadapt_medmcqa", kind="medmcqa", num_rows=2)
LOG = "samples_medadapt_medmcqa_2026-11-28T14-00-00.000000.jsonl"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "model").mkdir()
    shutil.copy(RECORDED, tmp_path / "model" / LOG)
    return tmp_path


def changed(output: Path, change: Callable[[list[Any]], Any]) -> None:
    log = output / "model" / LOG
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    change(rows)
    log.write_text("\n".join(map(json.dumps, rows)))


def test_a_recorded_log_gives_prompts_completions_and_scores(output: Path):
    first, second = read_samples(output, [TASK])

    assert first.prompt == (
        "Question: Which vitamin deficiency causes scurvy?\nChoices:\nA. Vitamin C\nB. Vitamin A\nC. Vitamin D\n"
        "D. Vitamin K\nAnswer:"
    )
    assert first.completions == (" A", " B", " C", " D")
    written = json.loads(RECORDED.read_text().splitlines()[0])["resps"]
    assert first.scores == tuple(float(answers[0][0]) for answers in written)
    assert second.prompt.startswith("Question: Which hormone")


def test_records_come_back_in_their_own_order(output: Path):
    in_order = read_samples(output, [TASK])
    changed(output, lambda rows: rows.reverse())

    assert read_samples(output, [TASK]) == in_order


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda rows: rows.pop(), "of 2 records it holds 1"),
        (lambda rows: rows.append(rows[0]), "twice"),
        (lambda rows: rows[0].pop("resps"), "another shape"),
        (lambda rows: rows[0]["resps"].pop(), "3 scores"),
        (lambda rows: rows[0]["arguments"]["gen_args_1"].update(arg_0="other"), "2 prompts"),
        (lambda rows: rows[0]["resps"][0][0].__setitem__(0, "nan"), "no finite number"),
        (lambda rows: rows[0]["doc"].pop("medadapt_row"), "another shape"),
    ],
)
def test_a_damaged_log_is_refused(change: Callable[[list[Any]], Any], told: str, output: Path):
    changed(output, change)

    with pytest.raises(DataError, match=told):
        read_samples(output, [TASK])


def test_a_missing_log_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="0 files"):
        read_samples(tmp_path, [TASK])
