"""Trials under Ray Tune: which run when, which are stopped early, and what each one told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune
from ray.tune.progress_reporter import TrialProgressCallback
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from medadapt.workflow.search.local_ray import local_ray
from medadapt.workflow.search.room import Share
from medadapt.workflow.search.trial_process import Terms, train_trial
from medadapt.workflow.signals import Stopping

FIRST_RUNG = 2
"""Evaluations that every trial may have: the first one often lies within the warm-up."""
KEPT = 3
"""At each rung one trial in so many goes on (eta of Li et al., A System for Massively Parallel Hyperparameter
Tuning, 2020)."""
MOST_EVALUATIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """Who hears of the trials, in the process of the search."""

    evaluated: Callable[[str, int, float], None]
    """Trial, step, validation loss."""
    ended: Callable[[str, bool], None]
    """Trial, and whether its process died; else its folder tells how."""


def tune_trials(
    names: Sequence[str],
    terms: Terms,
    *,
    scratch: Path,
    scheduler: str,
    concurrent: int,
    share: Share,
    listeners: Listeners,
    stopping: Stopping,
) -> None:
    """Run trials to their end, `concurrent` at a time. After a signal they save and leave, and so does this.

    `scratch` is a folder for Ray's files, with a short path.
    """
    with local_ray(scratch, cpus=share.threads * concurrent, gpus=share.gpus * concurrent):
        watch = _Watch(listeners, stopping, Path(terms.stop_file))
        resources = tune.with_resources(
            tune.with_parameters(_trainable, terms=terms), {"cpu": share.threads, "gpu": share.gpus}
        )
        tune.Tuner(
            resources,
            param_space={"trial": tune.grid_search(list(names))},
            tune_config=tune.TuneConfig(
                metric="best",
                mode="min",
                scheduler=_scheduler(scheduler),
                max_concurrent_trials=concurrent,
                reuse_actors=False,  # a process for each: nothing of one trial is left for the next
            ),
            run_config=tune.RunConfig(
                name="search", storage_path=str(scratch / "storage"), callbacks=[watch], verbose=0
            ),
        ).fit()


def _trainable(config: dict[str, Any], terms: Terms) -> None:
    train_trial(config["trial"], terms, tune.report)


def _scheduler(name: str) -> TrialScheduler:
    if name == "none":
        return FIFOScheduler()  # type: ignore[no-untyped-call]
    return AsyncHyperBandScheduler(
        time_attr="evaluations",
        grace_period=FIRST_RUNG,
        reduction_factor=KEPT,
        max_t=MOST_EVALUATIONS,  # training ends by its own plan
        stop_last_trials=False,
    )


class _Watch(TrialProgressCallback):  # in the place of Tune's own one, which prints
    """Hands on what Tune hears, and a signal to the trials."""

    def __init__(self, listeners: Listeners, stopping: Stopping, stop_file: Path) -> None:
        super().__init__()
        self._listeners, self._stopping, self._stop_file = listeners, stopping, stop_file

    def on_step_begin(self, **_: Any) -> None:  # type: ignore[override]
        # Tune calls this some ten times a second.
        if self._stopping.requested():
            self._stop_file.touch()

    def on_trial_result(self, *, trial: Any, result: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        if "loss" in result:
            self._listeners.evaluated(trial.config["trial"], int(result["step"]), float(result["loss"]))

    def on_trial_complete(self, *, trial: Any, **_: Any) -> None:  # type: ignore[override]
        self._listeners.ended(trial.config["trial"], False)

    def on_trial_error(self, *, trial: Any, **_: Any) -> None:  # type: ignore[override]
        self._listeners.ended(trial.config["trial"], True)
