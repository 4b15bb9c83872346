"""MedAdapt from Python."""

from __future__ import annotations

import subprocess
import sys

import pytest

import medadapt
from medadapt.core.errors import DataError, MedAdaptError
from medadapt.serving.answering import NOTICE
from serving_runs import diagnosis_run_in, recorded, records_of


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return diagnosis_run_in(tmp_path_factory.getbasetemp() / "use")


@pytest.fixture(scope="module")
def model(finished):
    return medadapt.load(finished, device="cpu")


@pytest.mark.parametrize("name", ["baseline", "tuned"])
def test_answers_are_those_of_the_runs_own_predictions(model, finished, name):
    for record in records_of(finished)[:3]:
        kept = recorded(finished, name)[record.id]
        answer = model.ask(record.question, model=name)
        assert str(answer) == answer.text == kept["text"]
        assert answer.notice == NOTICE
        assert "".join(model.stream(record.question, model=name)) == kept["text"]
        found = model.classify(record.question, model=name)
        assert found.probabilities == pytest.approx(kept["probabilities"], abs=1e-5)
        assert found.choice == next(iter(found.probabilities))
        assert not found.abstained
        assert not found.shortened


def test_a_question_whose_middle_was_left_out_is_said_to_be(model):
    assert model.classify("fever, " * 400).shortened


def test_mistakes_are_told_in_the_words_of_python(model):
    with pytest.raises(DataError, match="Give it as the first argument"):
        model.ask(" ")
    with pytest.raises(DataError, match="context has no place"):
        model.ask("fever", context="a text")
    with pytest.raises(MedAdaptError, match=r"^seed would change nothing") as told:
        model.ask("fever", seed=1)
    assert told.value.remedy == "Add temperature=0.7, or leave it out."
    with pytest.raises(MedAdaptError, match=r"^temperature has a value"):
        model.ask("fever", temperature=-1.0)
    with pytest.raises(MedAdaptError, match="validation records"):
        model.classify("fever", risk=0.1)


def test_the_base_of_a_run_is_packed_as_its_recipe_says(finished):
    with pytest.raises(DataError, match="says itself how its base is held"):
        medadapt.load(finished, quantization="nf4")


def test_a_run_from_plain_values(tmp_path, finished):
    recipe = {
        "name": "mine",
        "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
        "model": {"base": str(finished.parent / "tiny-base"), "precision": "fp32"},
        "training": {"epochs": 2, "learning_rate": 1e-2, "tracking": []},
        "evaluation": {"bootstrap_samples": 100, "method": "generate"},
    }
    done = medadapt.run(recipe, tmp_path / "mine", overrides=["seed=0"], quiet=True)
    assert done.status == "done"
    assert done.metrics["n"] == len(records_of(finished))
    assert recorded(done.folder, "tuned") == recorded(finished, "tuned")
    again = medadapt.run(done.folder, quiet=True)
    assert again.ran == ()


def test_importing_the_package_imports_nothing_large():
    large = ("torch", "transformers", "pydantic")
    code = f"import sys, medadapt; print([name for name in {large} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = medadapt.nothing
