"""The files of 6-report."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from medadapt.report import wording
from medadapt.report.building import build_report, report_page
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs

Build = Callable[..., ReportInputs]
LABELS = ("Gout", "Acne", "Malaria")
CURVES = {"training_loss.png", "learning_curve.png"}
MATRICES = {"confusion_matrix_baseline.png", "confusion_matrix_tuned.png"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_page_card_and_figures_are_written_and_named(diagnosis_inputs: Build, tmp_path: Path) -> None:
    written = build_report(diagnosis_inputs(labels=LABELS), tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in written} == set(files_of(tmp_path))
    assert set(files_of(tmp_path)) == {
        "index.html",
        "README.md",
        *(f"figures/{name}" for name in CURVES | MATRICES),
    }


def test_a_dialogue_run_that_won_a_search_has_figures_of_its_own(
    dialogue_inputs: Build, tmp_path: Path
) -> None:
    build_report(dialogue_inputs(), tmp_path)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        *CURVES,
        "right_wrong_matrix.png",
        "error_length.png",
        "search_curves.png",
    }


def test_the_same_inputs_give_the_same_bytes(inputs: ReportInputs, tmp_path: Path) -> None:
    build_report(inputs, tmp_path / "a")
    build_report(inputs, tmp_path / "b")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_figures_of_an_earlier_report_do_not_stay(
    diagnosis_inputs: Build, qa_inputs: Build, tmp_path: Path
) -> None:
    build_report(diagnosis_inputs(labels=LABELS), tmp_path)
    build_report(qa_inputs(), tmp_path)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == CURVES


def test_every_number_of_the_metrics_stands_on_the_page(inputs: ReportInputs) -> None:
    html = render(report_page(inputs))
    for key, leaf in inputs.metrics["tuned"].items():
        assert wording.metric_value(key, leaf["value"]) in html
        assert wording.value_interval(key, inputs.metrics["baseline"][key]) in html
        assert wording.change_interval(key, inputs.metrics["difference"][key]) in html


def test_dropped_rows_and_repairs_stand_on_the_page(diagnosis_inputs: Build) -> None:
    html = render(report_page(diagnosis_inputs(labels=LABELS)))
    for part in (
        "merged: the same record again",
        "4,616",
        "35,970",
        "Smallpox",
        "unknown: the files state none",
    ):
        assert part in html


def test_failed_gates_and_smoke_runs_are_banners(choice_inputs: Build) -> None:
    inputs = choice_inputs()
    page = report_page(dataclasses.replace(inputs, run={**inputs.run, "smoke": True}))
    assert [(banner.tone, banner.title) for banner in page.banners] == [
        ("warning", "Smoke run"),
        ("bad", "Test records leaked into training"),
    ]


def test_a_run_that_knows_almost_nothing_still_gives_a_report(inputs: ReportInputs, tmp_path: Path) -> None:
    needed = ("schema", "task", "primary", "n", "alpha", "baseline", "tuned", "difference")
    bare = dataclasses.replace(
        inputs,
        recipe={},
        run={},
        data={},
        examples={},
        steps=[],
        metrics={key: inputs.metrics[key] for key in needed},
    )
    build_report(bare, tmp_path)
    assert "Did tuning help?" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_the_proof_card_needs_no_drawing_library() -> None:
    heavy = ("torch", "matplotlib", "jinja2")
    code = f"import sys, medadapt.report.card; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
