"""What the score stage reads besides the test predictions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from abstaining_run import with_validation
from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.errors import DataError
from medadapt.core.files import read_json, to_json, write_jsonl
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.records import read_records
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.measuring import detectable_facts, measure
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


def test_metrics_are_made_at_the_alpha_of_the_recipe(finished: Path) -> None:
    run = RunFolder(finished)
    recipe = read_recipe(run.recipe, ["evaluation.alpha=0.2"])
    assert measure(recipe, run, read_json(run.state))["alpha"] == 0.2


def test_temperature_and_thresholds_come_from_the_validation_predictions(
    finished: Path, tmp_path: Path
) -> None:
    copy = with_validation(finished, tmp_path / "run", right_above=0.4)
    found = calibration_of(copy)
    for model in ("baseline", "tuned"):
        assert found[model]["temperature"]["n_validation"] == 200
        assert found[model]["temperature"]["value"] is not None
        assert found[model]["thresholds"]["0.1"]["threshold"] > 0.3


@pytest.mark.parametrize("stem", ["tuned", "validation.baseline"])
def test_a_prediction_that_lost_its_probabilities_is_refused_with_its_line(
    finished: Path, tmp_path: Path, stem: str
) -> None:
    copy = with_validation(finished, tmp_path / "run", right_above=0.4)
    path = copy / "4-predictions" / f"{stem}.jsonl"
    first, second, *rest = map(json.loads, path.read_text().splitlines())
    second |= {"probabilities": None, "choices": dict.fromkeys(CHOICE_RULES, second["choice"])}
    path.write_text("".join(json.dumps(row) + "\n" for row in (first, second, *rest)))
    with pytest.raises(DataError) as problem:
        calibration_of(copy)
    assert problem.value.problem == f"{path}:2 is no prediction that can be used: it lacks `probabilities`."


def test_where_one_model_has_no_validation_predictions_neither_has_a_temperature(
    finished: Path, tmp_path: Path
) -> None:
    copy = with_validation(finished, tmp_path / "run", right_above=0.4)
    (copy / "4-predictions" / "validation.baseline.jsonl").unlink()
    for model in ("baseline", "tuned"):
        assert calibration_of(copy)[model]["temperature"]["value"] is None


def test_what_a_small_test_set_will_show_is_never_more_than_the_models_would_disagree_on(
    finished: Path, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path)
    record, *_ = read_records(finished / "1-records" / "test.jsonl")
    records = [replace(record, id=str(number), group=str(number)) for number in range(20)]
    write_jsonl(run.records / "test.jsonl", records)
    found = detectable_facts(read_recipe(finished / "recipe.yaml"), run)
    assert found["discordant"] == found["value"] == pytest.approx(0.366, abs=0.001)
