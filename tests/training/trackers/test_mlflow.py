"""What MLflow holds in the end, read back with its own client."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import ModelError, StoppedError
from medadapt.training.trackers.opening import open_trackers


def mlflow_run(folder: Path) -> Any:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=(folder / "mlflow").as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("medadapt").experiment_id])
    return run


def open_mlflow(folder: Path, notes: list[str]) -> Any:
    return open_trackers(["mlflow"], folder, name="a", parameters={}, after_step=0, note=notes.append)


def lose_the_run(folder: Path) -> None:
    """From now on MLflow answers with errors."""
    for experiment in (folder / "mlflow").glob("[!.]*"):
        shutil.rmtree(experiment)


def test_a_training_that_is_done_does_not_fail_when_mlflow_refuses_its_end(tmp_path):
    notes: list[str] = []
    with open_mlflow(tmp_path, notes) as trackers:
        trackers.scalars(1, {"loss": 1.0})
        lose_the_run(tmp_path)
    assert [note.partition(" (")[0] for note in notes] == [
        "MLflow could not be told that the training has ended"
    ]


def test_when_mlflow_refuses_a_figure_the_error_says_what_to_do(tmp_path):
    def train() -> None:
        with open_mlflow(tmp_path, []) as trackers:
            lose_the_run(tmp_path)
            trackers.scalars(1, {"loss": 1.0})

    with pytest.raises(ModelError, match=r"remove it from training\.tracking"):
        train()


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (StoppedError("stopped"), "KILLED"),
        (KeyboardInterrupt(), "KILLED"),
        (ModelError("no memory"), "FAILED"),
    ],
)
def test_a_training_that_did_not_finish_is_not_shown_as_finished(tmp_path, problem, status):
    with pytest.raises(type(problem)), open_mlflow(tmp_path, []):
        raise problem
    assert mlflow_run(tmp_path).info.status == status


def test_mlflow_goes_on_in_the_same_local_run(tmp_path, send):
    from mlflow import MlflowClient

    folder = tmp_path / "a run"  # a space is a usual thing in a path
    send(["mlflow"], folder, 1, 2)
    send(["mlflow"], folder, 3, 4)
    client = MlflowClient(tracking_uri=(folder / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("medadapt")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    history = {m.step: m.value for m in client.get_metric_history(run.info.run_id, "loss")}
    assert history == pytest.approx({s: 10 / s for s in range(1, 5)})
    assert run.data.params == {"lora.rank": "4", "training.schedule": "cosine"}
    assert (run.info.run_name, run.info.status) == ("a run", "FINISHED")
