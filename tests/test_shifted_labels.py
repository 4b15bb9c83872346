"""Labels that are off by one position, as a known fault of training scripts: the run must not end well."""

from __future__ import annotations

import shutil
from pathlib import Path

import datasets
import pytest

from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.examples.masking import IGNORED
from medadapt.workflow.outcome import Outcome, run
from medadapt.workflow.request import RunRequest

pytestmark = pytest.mark.slow


def _shifted_run(folder: Path, data: Path, *, learning_rate: float) -> Outcome:
    """A run on MedQuAD's symptom questions, trained on the token after the one it should learn."""
    recipe = Recipe.model_validate({
        "name": "shifted",
        "data": {"format": "typed_qa", "source": str(data / "medquad" / "train.csv"), "types": ["symptoms"]},
        "model": {"base": str(data / "models" / "stories260K")},
        "training": {"epochs": 1, "learning_rate": learning_rate, "tracking": []},
        "evaluation": {"method": "score"},
    })  # fmt: skip
    run(RunRequest(recipe=recipe, folder=folder, last="encode"), Silent())
    for split in ("train", "validation"):
        _shift(folder / "2-examples" / split)
    return run(RunRequest(recipe=recipe, folder=folder, first="train"), Silent())


def _shift(token_set: Path) -> None:
    rows = datasets.load_from_disk(str(token_set)).map(lambda row: {"labels": [*row["labels"][1:], IGNORED]})
    rows.save_to_disk(str(token_set.with_name("shifted")), num_shards=1)
    shutil.rmtree(token_set)
    token_set.with_name("shifted").rename(token_set)


def test_at_the_default_learning_rate_the_tuned_model_is_worse(tmp_path, shared_data):
    default = Recipe.model_fields["training"].default.learning_rate
    outcome = _shifted_run(tmp_path / "run", shared_data, learning_rate=default)
    assert outcome.metrics["difference"]["bits_per_byte"]["verdict"] == "worse"
    assert (outcome.exit_code, outcome.report is not None) == (3, True)


def test_at_a_high_learning_rate_it_passes_uniform_guessing(tmp_path, shared_data):
    outcome = _shifted_run(tmp_path / "run", shared_data, learning_rate=3e-3)
    assert outcome.metrics["tuned"]["loss"]["value"] > outcome.metrics["uniform_loss"]
    assert (outcome.exit_code, outcome.report is not None) == (4, True)
