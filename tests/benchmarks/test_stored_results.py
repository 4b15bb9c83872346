"""What a measurement may take the place of, and which data it needs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import data_files
import run
from results_page import render

NAME = "training_peers-llama-42m-short-0.05"
ABOUT = {"device": "A processor", "threads": 2, "vectors": "AVX2", "instructions": [], "commit": "0" * 40}
ASKED = argparse.Namespace(replace=False, note=None, data=Path("nowhere"))


def a_result(*sides: str, steps: int = 12, not_run=()):
    return {
        "asked": {"steps": steps, "rounds": 3},
        "sides": {side: {} for side in sides},
        "not_run": dict.fromkeys(not_run, "it broke"),
    }


def a_work(found, *, sides: int, steps: int = 12):
    return run.Work(stored_as=NAME, options="", measure=lambda: found, weight=(sides, steps, 3))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run.machine, "facts", lambda: dict(ABOUT))
    run._machine.cache_clear()
    monkeypatch.setattr(data_files, "NEEDED", {})
    run._store(NAME, ABOUT, a_result("native", "trl", "llamafactory"))
    yield tmp_path / "results" / run.machine.folder_of(ABOUT)
    run._machine.cache_clear()


def told(folder: Path):
    return list(json.loads((folder / f"{NAME}.json").read_text())["found"]["sides"])


@pytest.mark.parametrize(("sides", "steps"), [(2, 12), (3, 6)])
def test_fewer_trainers_or_steps_do_not_take_the_place_of_more_and_are_no_failure(
    folder, sides, steps, capsys
):
    fewer = a_work(a_result("native", "trl"), sides=sides, steps=steps)
    assert run._not_measured("training_peers", fewer, ASKED) is None
    assert "kept" in (said := capsys.readouterr().out)
    assert "--replace" in said
    assert told(folder) == ["native", "trl", "llamafactory"]


def test_replace_takes_the_place_of_more(folder):
    asked = argparse.Namespace(replace=True, note=None, data=Path("nowhere"))
    assert run._not_measured("training_peers", a_work(a_result("native", "trl"), sides=2), asked) is None
    assert told(folder) == ["native", "trl"]


def test_a_trainer_that_failed_this_time_does_not_lose_its_stored_result(folder):
    broken = a_result("native", "trl", not_run=["llamafactory"])
    assert "llamafactory did not run" in run._not_measured("training_peers", a_work(broken, sides=3), ASKED)
    assert told(folder) == ["native", "trl", "llamafactory"]
    assert told(folder / "incomplete") == ["native", "trl"]


def test_as_much_takes_the_place_of_what_was_there(folder):
    again = a_result("native", "trl", "llamafactory", steps=33)
    assert run._not_measured("training_peers", a_work(again, sides=3, steps=33), ASKED) is None
    assert json.loads((folder / f"{NAME}.json").read_text())["found"]["asked"]["steps"] == 33


def test_the_page_is_that_of_the_stored_results(tmp_path):
    project = Path(run.__file__).parent
    shutil.copytree(project / "results", tmp_path / "stored" / "results")  # figures are drawn beside them
    assert (project / "RESULTS.md").read_text(encoding="utf-8") == render(tmp_path / "stored" / "results")


def test_what_is_missing_and_what_is_other_data_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(data_files, "NEEDED", {"contrast": ("medquad/train.csv", "open_medical_qa")})
    (tmp_path / "medquad").mkdir()
    (tmp_path / "medquad" / "train.csv").write_text("qtype,Question,Answer\n")
    assert data_files.missing("contrast", tmp_path) == ["open_medical_qa"]
    assert list(data_files.other_than_published("contrast", tmp_path)) == ["medquad/train.csv"]
    assert data_files.missing("demo", tmp_path) == []
