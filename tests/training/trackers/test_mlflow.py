"""What MLflow holds in the end, read back with its own client."""

from __future__ import annotations

import pytest


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
