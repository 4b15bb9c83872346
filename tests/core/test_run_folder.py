"""The folders of a run are the path of the data, and looking creates nothing."""

from __future__ import annotations

from pathlib import Path

from medadapt.core.run_folder import RunFolder


def test_the_stages_lie_in_order(tmp_path: Path):
    run = RunFolder(tmp_path / "runs" / "demo")
    stages = [run.base, run.records, run.examples, run.adapter, run.predictions, run.metrics, run.report]

    assert [stage.name for stage in stages] == [
        "0-base",
        "1-records",
        "2-examples",
        "3-adapter",
        "4-predictions",
        "5-metrics",
        "6-report",
    ]
    assert {stage.parent for stage in [*stages, run.recipe, run.state, run.lock]} == {run.path}


def test_looking_creates_nothing(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    _ = run.records, run.report, run.lock

    assert list(tmp_path.iterdir()) == []
