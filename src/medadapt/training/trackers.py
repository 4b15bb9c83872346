"""Curves for people who watch: TensorBoard, W&B and MLflow beside steps.jsonl, which holds every number anyway.

Only numbers of steps and a few settings of the recipe are handed over: never a record, and nothing of the
`data` section. TensorBoard writes into the run folder, and so do the two others unless the user has a
server for them: W&B stays offline without a login, MLflow local without MLFLOW_TRACKING_URI.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from medadapt.core.errors import ModelError, RecipeError
from medadapt.core.files import read_json, write_json
from medadapt.core.recipe import Recipe

PROJECT = "medadapt"
PACKAGES = {"tensorboard": "tensorboard", "wandb": "wandb", "mlflow": "mlflow"}
IDENTITY = "tracking.json"
"""In the adapter's folder: by which id a resumed training goes on in the same curve."""


class Tracker(Protocol):
    """A place that curves are sent to."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step."""

    def close(self) -> None:
        """Nothing more comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a tracker is opened with."""

    folder: Path
    """The adapter's folder."""
    name: str
    parameters: Mapping[str, Any]
    """Settings of the recipe as flat plain values."""
    known_id: str | None
    """Of the run that an earlier session began; None to begin a new one."""
    after_step: int


class Trackers:
    """Every tracker that the recipe asks for, or none."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self._trackers = trackers

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step to all of them."""
        for tracker in self._trackers:
            tracker.scalars(step, values)


class TensorBoardTracker:
    """Event files in `tensorboard/`; what an earlier session sent after the checkpoint is hidden."""

    run_id: str | None = None

    def __init__(self, opening: Opening) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and only wanted here

        self._writer = SummaryWriter(
            log_dir=str(opening.folder / "tensorboard"), purge_step=opening.after_step + 1
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class WandbTracker:
    """A W&B run; offline in `wandb/` where the user is not logged in. `wandb sync` sends it later."""

    def __init__(self, opening: Opening) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # its own crash reports go elsewhere
        import wandb

        self.run_id: str | None = opening.known_id or uuid.uuid4().hex[:16]
        try:
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=opening.name,
                id=self.run_id,
                resume="allow",
                dir=str(opening.folder),
                mode=_wandb_mode(),  # type: ignore[arg-type]
                config=dict(opening.parameters),
                # Nothing but what is logged here: no console (it shows answers), code, host or git facts.
                settings=wandb.Settings(
                    console="off", silent=True, save_code=False, disable_code=True, disable_git=True,
                    disable_job_creation=True, x_disable_meta=True, x_disable_machine_info=True,
                    x_disable_stats=True, x_save_requirements=False,
                ),
            )  # fmt: skip
        except (wandb.Error, ValueError) as problem:  # ValueError: a WANDB_ variable that makes no sense
            raise _unusable("Weights & Biases", problem) from problem

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class MlflowTracker:
    """An MLflow run; in the files of `mlflow/` unless MLFLOW_TRACKING_URI names a server."""

    def __init__(self, opening: Opening) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        uri = os.environ.get("MLFLOW_TRACKING_URI") or None
        if uri is None:
            # MLflow would rather have a database, which needs packages that this one kind of file does not.
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
            uri = (opening.folder / "mlflow").absolute().as_uri()
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            self._client = MlflowClient(tracking_uri=uri)
            self.run_id: str | None = opening.known_id or self._begin(opening)
            self._client.update_run(self.run_id, status="RUNNING")
        except MlflowException as problem:
            raise _unusable("MLflow", problem) from problem

    def _begin(self, opening: Opening) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
        experiment = self._client.get_experiment_by_name(name)
        place = experiment.experiment_id if experiment else self._client.create_experiment(name)
        run_id = str(self._client.create_run(place, run_name=opening.name).info.run_id)
        for key, value in opening.parameters.items():
            self._client.log_param(run_id, key, value)
        return run_id

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        from mlflow.exceptions import MlflowException

        try:
            for name, value in values.items():
                self._client.log_metric(str(self.run_id), name, value, step=step)
        except MlflowException as problem:
            raise _unusable("MLflow", problem) from problem

    def close(self) -> None:
        self._client.set_terminated(str(self.run_id))


KINDS: dict[str, Callable[[Opening], Any]] = {
    "tensorboard": TensorBoardTracker,
    "wandb": WandbTracker,
    "mlflow": MlflowTracker,
}


def check_trackers(asked: Sequence[str]) -> None:
    """Raise RecipeError where a tracker of `training.tracking` is not installed."""
    missing = [name for name in asked if importlib.util.find_spec(PACKAGES[name]) is None]
    if missing:
        raise RecipeError(
            f"training.tracking asks for {', '.join(missing)}, which is not installed.",
            "the packages of the trackers",
            "Install them with `pip install medadapt[tracking]`, or remove them from training.tracking.",
        )


@contextmanager
def open_trackers(
    asked: Sequence[str], folder: Path, *, name: str, parameters: Mapping[str, Any], after_step: int
) -> Iterator[Trackers]:
    """The trackers of a training that goes on after `after_step`, in the same curves as before.

    Raises RecipeError where a package is missing, ModelError where a server does not answer.
    """
    check_trackers(asked)
    known: dict[str, str] = {}
    if after_step and (folder / IDENTITY).is_file():
        known = read_json(folder / IDENTITY)
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
                )
            )
            opened.callback(tracker.close)
            if tracker.run_id is not None:
                known[kind] = tracker.run_id
            trackers.append(tracker)
        if known:
            write_json(folder / IDENTITY, known)
        yield Trackers(trackers)


def tracked_parameters(recipe: Recipe) -> dict[str, Any]:
    """The settings that are handed to trackers: how was trained, nothing of the data and no local path."""
    base, trained = recipe.model.base, recipe.training.model_dump(mode="json", exclude={"trainer"})
    if Path(base).expanduser().is_dir():
        base = Path(base).name
    return {
        "seed": recipe.seed,
        "model.base": base,
        "model.quantization": recipe.model.quantization,
        "model.precision": recipe.model.precision,
        **{f"lora.{key}": value for key, value in recipe.lora.model_dump(mode="json").items()},
        **{f"training.{key}": value for key, value in trained.items()},
        **{f"training.trainer.{key}": value for key, value in recipe.training.trainer.items()},
    }


def _wandb_mode() -> str | None:
    """None leaves it to the user's own WANDB_MODE; a login is looked for and never asked for."""
    import wandb

    asked = os.environ.get("WANDB_MODE")
    if asked and asked != "online":
        return None
    if wandb.login(verify=False, prompt=False):
        return "online"
    if asked == "online":
        raise RecipeError(
            "WANDB_MODE is online, but nobody is logged in to Weights & Biases.",
            "a login",
            "Log in with `wandb login`, or set WANDB_MODE=offline.",
        )
    return "offline"


def _unusable(service: str, problem: Exception) -> ModelError:
    what = " ".join((str(problem).strip() or type(problem).__name__).splitlines()[:3])
    return ModelError(
        f"{service} cannot be used ({what}).",
        "a server that answers, or none at all",
        "Check the network, your login and the tracker's environment variables, or remove it from training.tracking.",
    )
