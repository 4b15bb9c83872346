"""Curves as a run of MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping

from medadapt.training.trackers.tracker import PROJECT, Ending, Opening, untold, unusable

STATUS: dict[Ending, str] = {"finished": "FINISHED", "stopped": "KILLED", "failed": "FAILED"}


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

        self._note = opening.note
        try:
            self._client = MlflowClient(tracking_uri=uri)
            self.run_id: str | None = opening.known_id or self._begin(opening)
            self._client.update_run(self.run_id, status="RUNNING")
        except MlflowException as problem:
            raise unusable("MLflow", problem) from problem

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
            raise unusable("MLflow", problem) from problem

    def close(self, ending: Ending, /) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.set_terminated(str(self.run_id), status=STATUS[ending])
        except MlflowException as problem:
            self._note(untold("MLflow", problem))
