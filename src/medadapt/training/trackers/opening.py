"""The trackers that a recipe asks for, open as long as the training runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from medadapt.core.adapter_folder import TRACKING
from medadapt.core.errors import RecipeError, StoppedError
from medadapt.core.files import read_json, write_json
from medadapt.core.shell_command import install
from medadapt.training.trackers.mlflow import MlflowTracker
from medadapt.training.trackers.tensorboard import TensorBoardTracker
from medadapt.training.trackers.tracker import Ending, Opening, Tracker
from medadapt.training.trackers.wandb import WandbTracker

PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}

KINDS: dict[str, Callable[[Opening], Tracker]] = {
    "tensorboard": TensorBoardTracker,
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}


class Trackers:
    """Every tracker that the recipe asks for, or none."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = trackers

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step to all of them."""
        for tracker in self._trackers:
            tracker.scalars(step, values)


def check_trackers(asked: Sequence[str]) -> None:
    """Raise RecipeError where a tracker of `training.tracking` is not installed."""
    missing = [name for name in asked if importlib.util.find_spec(PACKAGES[name]) is None]
    if missing:
        raise RecipeError(
            f"training.tracking asks for {', '.join(missing)}, which is not installed.",
            "the packages of the trackers",
            f"Install them with `{install('tracking')}`, or remove them from training.tracking.",
        )


@contextmanager
def open_trackers(
    asked: Sequence[str],
    folder: Path,
    *,
    name: str,
    parameters: Mapping[str, Any],
    after_step: int,
    note: Callable[[str], None],
) -> Iterator[Trackers]:
    """The trackers of a training that goes on after `after_step`, in the same curves as before.

    Raises RecipeError where a package is missing, ModelError where a server does not answer.
    """
    check_trackers(asked)
    known: dict[str, str] = {}
    if after_step and (folder / TRACKING).is_file():
        known = read_json(folder / TRACKING)
    with ExitStack() as opened:
        trackers = []
        for kind in asked:
            tracker = KINDS[kind](
                Opening(
                    folder=folder,
                    name=name,
                    parameters=parameters,
                    known_id=known.get(kind),
                    after_step=after_step,
                    note=note,
                )
            )
            opened.push(partial(_close, tracker))
            if tracker.run_id is not None:
                known[kind] = tracker.run_id
            trackers.append(tracker)
        if known:
            write_json(folder / TRACKING, known)
        yield Trackers(trackers)


def _close(tracker: Tracker, _kind: type | None, problem: BaseException | None, _traceback: object) -> None:
    tracker.close(_ending(problem))


def _ending(problem: BaseException | None) -> Ending:
    if problem is None:
        return "finished"
    # A signal is a StoppedError, or no Exception at all where it came a second time.
    return "failed" if isinstance(problem, Exception) and not isinstance(problem, StoppedError) else "stopped"
