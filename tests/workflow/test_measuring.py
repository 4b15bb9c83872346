"""What the score stage reads besides the test predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from abstaining_run import with_validation
from medadapt.core.files import read_json, to_json
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.measuring import measure
from serving_runs import diagnosis_run_in


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")


def calibration_of(folder: Path) -> dict[str, Any]:
    run = RunFolder(folder)
    metrics = measure(read_recipe(run.recipe), run, read_json(run.state))
    to_json(metrics)
    found: dict[str, Any] = metrics["calibration"]
    return found


def test_temperature_and_thresholds_come_from_the_validation_predictions(
    finished: Path, tmp_path: Path
) -> None:
    copy = with_validation(finished, tmp_path / "run", right_above=0.4)
    found = calibration_of(copy)
    for model in ("baseline", "tuned"):
        assert found[model]["temperature"]["n_validation"] == 200
        assert found[model]["temperature"]["value"] is not None
        assert found[model]["thresholds"]["0.1"]["threshold"] > 0.3


def test_where_one_model_has_no_validation_predictions_neither_has_a_temperature(
    finished: Path, tmp_path: Path
) -> None:
    copy = with_validation(finished, tmp_path / "run", right_above=0.4)
    (copy / "4-predictions" / "validation.baseline.jsonl").unlink()
    for model in ("baseline", "tuned"):
        assert calibration_of(copy)[model]["temperature"]["value"] is None
