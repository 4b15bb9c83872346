"""What one process does for a search: train one trial in its run folder and tell each validation loss."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medadapt.core.errors import MedAdaptError, StoppedError
from medadapt.core.files import write_json
from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.core.search_space import recipe_with
from medadapt.training.step_log import read_steps
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.search.room import refuse_full_disk
from medadapt.workflow.stages import STAGES

ERROR_FILE = "error.json"
"""In a trial's folder, where it failed: `kind`, `exit_code`, `problem`, `expected`, `remedy`, `traceback`."""

Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is the same for every trial. Plain values, because they travel to other processes."""

    trials: str
    """Absolute folder of the trials' run folders."""
    working_folder: str
    """Relative paths of the recipe start here."""
    device: str
    threads: int
    smoke: bool
    stop_file: str
    """When this file is there, a trial saves and leaves."""
    resume_with: str
    """The command that goes on with the search, and so with its trials."""
    concurrent: int = 1
    """Trials that share the device's memory."""
    cut: dict[str, Any] = field(default_factory=dict)
    """Keys of the recipe that say how a step is cut, and their values. A trial that goes on may have others."""


def train_trial(trial: str, terms: Terms, report: Report) -> None:
    """Train one trial, going on where it was interrupted. An error is written into its folder, not raised.

    `report` gets, after each evaluation, `step`, `loss`, `best` (the lowest loss so far) and `evaluations`.
    A trial is compared by its best loss: at the point where the scheduler stops one, another trial was
    already better than all that this one had reached.
    """
    import torch

    os.chdir(terms.working_folder)
    torch.set_num_threads(terms.threads)
    run = RunFolder(Path(terms.trials) / trial)
    listener = _Listener(curve_of(run), report, Path(terms.stop_file))
    if listener.should_stop():
        return
    (run.path / ERROR_FILE).unlink(missing_ok=True)
    try:
        recipe = recipe_with(read_recipe(run.recipe), terms.cut)
        base = str(run.base) if terms.smoke else recipe.model.base
        refuse_full_disk(run.path, recipe, base=base)
        request = RunRequest(
            recipe=recipe,
            folder=run.path,
            first="train",
            last="train",
            smoke=terms.smoke,
            device=terms.device,
            resume_with=terms.resume_with,
            on_evaluation=listener.evaluated,
            should_stop=listener.should_stop,
            concurrent=terms.concurrent,
        )
        run_stages(STAGES, request, Silent())
    except StoppedError:
        return  # saved; run.json says so
    except Exception as problem:  # whatever it is, the other trials go on: the search tells of it
        write_json(run.path / ERROR_FILE, _error_values(problem))


def curve_of(run: RunFolder) -> dict[int, float]:
    """Step -> validation loss, as far as a trial's training has come."""
    return {
        row["step"]: row["validation_loss"]
        for row in read_steps(run.adapter / "steps.jsonl")
        if row.get("validation_loss") is not None
    }


class _Listener:
    """Tells of evaluations, and knows when it is time to leave."""

    def __init__(self, curve: dict[int, float], report: Report, stop_file: Path) -> None:
        self._curve = curve
        self._report = report
        self._stop_file = stop_file
        self._stopped = False

    def evaluated(self, step: int, loss: float) -> None:
        self._curve[step] = loss
        reached = [self._curve[past] for past in self._curve if past <= step]
        try:
            self._report({"step": step, "loss": loss, "best": min(reached), "evaluations": len(reached)})
        except SystemExit:
            self._stopped = True  # Tune's way to say that the scheduler wants no more of this trial

    def should_stop(self) -> bool:
        return self._stopped or self._stop_file.exists()


def _error_values(problem: Exception) -> dict[str, Any]:
    known = isinstance(problem, MedAdaptError)
    return {
        "kind": type(problem).__name__,
        "exit_code": problem.exit_code if isinstance(problem, MedAdaptError) else 1,
        "problem": problem.problem if isinstance(problem, MedAdaptError) else str(problem),
        "expected": problem.expected if isinstance(problem, MedAdaptError) else "",
        "remedy": problem.remedy if isinstance(problem, MedAdaptError) else "",
        "traceback": None if known else traceback.format_exc(),
    }
