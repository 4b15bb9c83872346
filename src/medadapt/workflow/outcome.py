"""What a command leaves behind: the run's folder, its metrics, what was found, and the exit code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medadapt.core.errors import MedAdaptError
from medadapt.core.files import read_json
from medadapt.core.progress import Progress
from medadapt.core.results import Metrics
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.workflow.documents import read_seeds
from medadapt.workflow.full_disk import disk_errors
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.stages import STAGE_NAMES, STAGES

GATE_FAILED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a command ended, for people and for scripts."""

    folder: Path
    status: str
    """Of the run: `done` where all six stages are."""
    smoke: bool
    ran: tuple[str, ...]
    skipped: tuple[str, ...]
    """Stages asked for that were up to date."""
    metrics: Metrics | None
    """metrics.json, where this command reached it."""
    seeds: dict[str, Any] | None = None
    """seeds.json, where training was repeated with other seeds and the metrics are still those."""
    findings: tuple[dict[str, Any], ...]
    """What must not pass unnoticed: {kind, exit_code, problem, remedy}, the gravest first; then what only `--gate`
    holds against the run."""
    report: Path | None
    exit_code: int
    """0, or the gravest finding's. In a smoke run findings are only told."""


def run(request: RunRequest, progress: Progress) -> Outcome:
    """Bring the stages asked for up to date and say what came out.

    A failed gate is no error of this call: metrics and report are written by then, and the exit code says so,
    also when a second call finds everything up to date.
    """
    _check_gate(request)
    with disk_errors(request.folder):
        ran = run_stages(STAGES, request, progress)
        metrics = _metrics(request)
    findings = (*metrics.get("findings", ()), *_of_the_gate(request, metrics)) if metrics else ()
    gravest = max((int(finding["exit_code"]) for finding in findings), default=0)
    if request.gate and metrics and (metrics.get("forgetting") or {}).get("verdict") != "kept":
        gravest = max(gravest, GATE_FAILED)
    page = ran.run.report / "index.html"
    return Outcome(
        folder=ran.run.path,
        status=ran.state.status,
        smoke=ran.state.smoke,
        ran=ran.ran,
        skipped=ran.skipped,
        metrics=metrics,
        seeds=_seeds(request) if metrics is not None else None,
        findings=findings,
        report=page if metrics is not None and page.is_file() else None,
        exit_code=0 if ran.state.smoke else gravest,
    )


def _of_the_gate(request: RunRequest, metrics: Metrics) -> Iterator[dict[str, Any]]:
    """What only `--gate` holds against a run: general English not measured, and a margin not fixed before training."""
    if not request.gate:
        return
    if (metrics.get("forgetting") or {}).get("verdict") is None:
        again = command("run", request.folder, "--from", "predict", "--replace", "--gate")
        yield {
            "kind": "not_measured",
            "exit_code": GATE_FAILED,
            "problem": "--gate asks whether general English was kept, but the metrics of this run do not tell.",
            "remedy": f"Measure it: `{again}`.",
        }
    if (metrics.get("protocol") or {}).get("fixed_before_tuning") is False:
        yield {
            "kind": "changed_yardstick",
            "exit_code": GATE_FAILED,
            "problem": "--gate holds general English against a margin fixed before the training, but the evaluation is "
            "not the one that was fixed.",
            "remedy": "Give back the evaluation that the training began with, or train with this one in another folder "
            "(-o).",
        }


def _check_gate(request: RunRequest) -> None:
    """A gate that nothing would be held against is refused, not passed."""
    last = request.last or STAGE_NAMES[-1]
    if not request.gate:
        return
    if request.recipe.evaluation.forgetting == "off" or STAGE_NAMES.index(last) < STAGE_NAMES.index("score"):
        raise MedAdaptError(
            "--gate asks whether general English was kept, but this command does not measure it.",
            "evaluation.forgetting: auto, and a command that reaches the score stage",
            "Leave --gate out, or change what is named here.",
        )


def _seeds(request: RunRequest) -> dict[str, Any] | None:
    return read_seeds(RunFolder(request.folder))


def _metrics(request: RunRequest) -> Metrics | None:
    last = request.last or STAGE_NAMES[-1]
    if STAGE_NAMES.index(last) < STAGE_NAMES.index("score"):
        return None
    return read_json(RunFolder(request.folder).metrics / "metrics.json")
