"""How trials end: done, stopped by the scheduler, or failed; and what follows when all of them failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from medadapt.core.errors import DiskError, DivergedError, MedAdaptError
from medadapt.core.files import read_json
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.search.book import Trial
from medadapt.workflow.search.folders import SearchFolder
from medadapt.workflow.search.trial_process import ERROR_FILE
from medadapt.workflow.state import StageState, read_state, write_state

DISK = DiskError.__name__
DIED = "its process ended without a word, perhaps for lack of memory"


def ended_trial(
    run: RunFolder, values: dict[str, Any], curve: Mapping[int, float], *, stopped_by_us: bool, died: bool
) -> Trial | None:
    """A trial that has just ended, for search.json; None where it goes on in the next session.

    `curve` is step -> validation loss as it was told. A full disk is no fault of a trial: it goes on when
    there is room. Nor is a signal, which may end the trial's process as well as ours.
    """
    state = read_state(run)
    stage = state.stages.get("train") if state else None
    summary = state.facts.get("training", {}) if state else {}
    error = _error_of(run)
    if error is not None and error["kind"] == DISK:
        return None
    if stage is not None and stage.status == "done":
        return _trial(
            run, values, curve, stage,
            status="done", steps=summary["steps"],
            best_step=summary["best_step"], validation_loss=summary["best_validation_loss"],
        )  # fmt: skip
    if error is None and stopped_by_us:
        return None
    best = min(curve, key=lambda step: (curve[step], step), default=None)
    figures = {"best_step": best, "validation_loss": None if best is None else curve[best]}
    steps = max(curve, default=0)
    if error is None and best is not None and not died:
        return _trial(run, values, curve, stage, status="stopped", steps=steps, **figures)
    text, kind = (error["problem"], error["kind"]) if error else (DIED, "died")
    return _trial(
        run, values, curve, stage, status="failed", steps=steps, error=text, error_kind=kind, **figures
    )


def mark_interrupted(run: RunFolder) -> None:
    """Say in a trial's run.json that its training is interrupted, where its process could not do so itself."""
    state = read_state(run)
    if state is not None and state.status == "running" and "train" in state.stages:
        stage = dataclasses.replace(state.stages["train"], status="interrupted")
        write_state(run, dataclasses.replace(state.with_stage("train", stage), status="interrupted"))


def refuse_disk_error(search: SearchFolder, names: Sequence[str]) -> None:
    """Raise the DiskError that a trial met, if one did."""
    for name in names:
        error = _error_of(search.trial(name))
        if error is not None and error["kind"] == DISK:
            raise DiskError(error["problem"], error["expected"], error["remedy"])


def no_winner(search: SearchFolder, trials: Sequence[Trial]) -> Exception:
    """The error of a search in which every trial failed: that of the first, or the gravest kind."""
    first = min(trials, key=lambda trial: (trial.error_kind != DivergedError.__name__, trial.id))
    text = f"All {len(trials)} trials failed; trial {first.id}: {first.error}"
    if first.error_kind == DivergedError.__name__:
        return DivergedError(
            text,
            "at least one trial that trains",
            "Lower search.vary.training.learning_rate; then repeat the search with --replace.",
        )
    error = _error_of(search.trial(first.id))
    if error is not None and error["traceback"]:
        return RuntimeError(f"{text}\n{error['traceback']}")
    remedy = error["remedy"] if error else "Use smaller values, or a machine with more memory."
    return MedAdaptError(text, error["expected"] if error else "at least one trial that trains", remedy)


def _trial(
    run: RunFolder, values: dict[str, Any], curve: Mapping[int, float], stage: StageState | None, **how: Any
) -> Trial:
    return Trial(
        id=run.path.name,
        values=values,
        curve=tuple(sorted(curve.items())),
        seconds=round(stage.seconds, 3) if stage else 0.0,
        **how,
    )


def _error_of(run: RunFolder) -> dict[str, Any] | None:
    path = run.path / ERROR_FILE
    return read_json(path) if path.is_file() else None
