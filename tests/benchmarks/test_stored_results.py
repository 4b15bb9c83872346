"""What a measurement may take the place of, and which data it needs."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import data_files
import run
from results_page import LIBRARIES, render

NAME = "training_peers-llama-42m-short-0.05"
ABOUT = {
    "device": "A processor",
    "threads": 2,
    "vectors": "AVX2",
    "instructions": [],
    "cuda": False,
    "commit": "0" * 40,
}
ASKED = argparse.Namespace(replace=False, note=None, data=Path("nowhere"))


def a_result(*sides: str, steps: int = 12, not_run=()):
    return {
        "asked": {"steps": steps, "rounds": 3},
        "sides": {side: {} for side in sides},
        "not_run": dict.fromkeys(not_run, "it broke"),
    }


def a_work(found, *sides: str, steps: int = 12, stored_as=NAME):
    """Asked for these sides, finds this."""
    scope = run.Scope(sides=frozenset(sides), steps=steps, rounds=3)
    return run.Work(stored_as=stored_as, measure=lambda _: found, scope=scope)


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


@pytest.mark.parametrize(
    ("sides", "steps"),
    [
        (("native", "trl"), 12),
        (("native", "trl", "llamafactory"), 6),
        (("native", "tutorial", "trl_tuned", "unsloth", "axolotl"), 12),
    ],
)
def test_other_trainers_or_fewer_steps_do_not_take_the_place_of_what_is_there_and_are_no_failure(
    folder, sides, steps, capsys
):
    fewer = a_work(a_result("native", "trl"), *sides, steps=steps)
    assert run._not_measured("training_peers", fewer, ASKED) is None
    assert "kept" in (said := capsys.readouterr().out)
    assert "--replace" in said
    assert told(folder) == ["native", "trl", "llamafactory"]


def test_replace_takes_the_place_of_more(folder):
    asked = argparse.Namespace(replace=True, note=None, data=Path("nowhere"))
    fewer = a_work(a_result("native", "trl"), "native", "trl")
    assert run._not_measured("training_peers", fewer, asked) is None
    assert told(folder) == ["native", "trl"]


def test_a_trainer_that_failed_this_time_does_not_lose_its_stored_result(folder):
    broken = a_result("native", "trl", not_run=["llamafactory"])
    work = a_work(broken, "native", "trl", "llamafactory")
    assert "llamafactory did not run" in run._not_measured("training_peers", work, ASKED)
    assert told(folder) == ["native", "trl", "llamafactory"]
    assert told(folder / "incomplete") == ["native", "trl"]


def test_as_much_takes_the_place_of_what_was_there(folder):
    again = a_work(
        a_result("native", "trl", "llamafactory", steps=33), "native", "trl", "llamafactory", steps=33
    )
    assert run._not_measured("training_peers", again, ASKED) is None
    assert json.loads((folder / f"{NAME}.json").read_text())["found"]["asked"]["steps"] == 33


def test_a_side_of_answering_that_failed_this_time_does_not_lose_its_stored_result(folder):
    def answered(*sides):
        return {"models": {"llama-42m": {"labels": {"runs": {side: [1.0] * 3 for side in sides}}}}}

    run._store("answering", ABOUT, answered("ours", "lm-eval-1"))
    work = a_work(answered("ours"), "llama-42m", stored_as="answering")
    assert "lm-eval-1 (llama-42m, labels)" in run._not_measured("answering", work, ASKED)
    stored = json.loads((folder / "answering.json").read_text())["found"]
    assert list(stored["models"]["llama-42m"]["labels"]["runs"]) == ["ours", "lm-eval-1"]


def test_quality_over_few_seeds_does_not_take_the_place_of_that_over_more(folder, capsys):
    (work,) = run._training_quality(argparse.Namespace(tasks=["symptoms"], seeds=3))
    run._store(work.stored_as, ABOUT, {"tasks": {"symptoms": {"seeds": list(range(8))}}})
    three_seeds = dataclasses.replace(work, measure=lambda _: {"tasks": {"symptoms": {"seeds": [0, 1, 2]}}})
    assert run._not_measured("training_quality", three_seeds, ASKED) is None
    assert "kept" in capsys.readouterr().out
    stored = json.loads((folder / f"{work.stored_as}.json").read_text())["found"]
    assert len(stored["tasks"]["symptoms"]["seeds"]) == 8


def test_what_an_interrupted_measurement_has_found_stays_until_the_whole_is_there(folder):
    whole = a_work(a_result("native", "trl", "llamafactory"), "native", "trl", "llamafactory")

    def interrupted(keep):
        keep(a_result("native"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run._not_measured("training_peers", dataclasses.replace(whole, measure=interrupted), ASKED)
    assert told(folder / "incomplete") == ["native"]
    assert told(folder) == ["native", "trl", "llamafactory"]

    assert run._not_measured("training_peers", whole, ASKED) is None
    assert not (folder / "incomplete" / f"{NAME}.json").exists()


TODAY = {"sources": "1", "versions": {"torch": "2"}, "host": "a"}


@pytest.mark.parametrize(
    ("stored", "here", "is_current"),
    [
        ({}, {}, True),
        ({"commit": "1" * 40}, {}, True),
        ({"sources": "0"}, {}, False),
        ({"sources": None}, {"sources": None}, False),
        ({"versions": {"torch": "1"}}, {}, False),
        ({"host": "b"}, {}, False),
    ],
)
def test_a_result_is_up_to_date_where_sources_versions_and_machine_are_the_same(
    stored, here, is_current, monkeypatch
):
    run._store(NAME, ABOUT | TODAY | stored, a_result("native", "trl"))
    monkeypatch.setattr(run.machine, "facts", lambda: ABOUT | TODAY | here)
    work = a_work({}, "native", "trl")
    assert run._is_up_to_date("training_peers", work) is is_current
    assert not run._is_up_to_date("training_peers", dataclasses.replace(work, stored_as="other"))


@pytest.mark.parametrize(
    ("sides", "steps", "is_current"),
    [(("native",), 12, True), (("native", "trl", "unsloth"), 12, False), (("native", "trl"), 18, False)],
)
def test_a_result_that_tells_less_than_is_asked_for_is_not_up_to_date(sides, steps, is_current, monkeypatch):
    run._store(NAME, ABOUT | TODAY, a_result("native", "trl"))
    monkeypatch.setattr(run.machine, "facts", lambda: ABOUT | TODAY)
    assert run._is_up_to_date("training_peers", a_work({}, *sides, steps=steps)) is is_current


def test_a_trainer_that_could_not_run_is_not_asked_again_by_a_run_of_everything(monkeypatch):
    found = a_result("native", not_run=["unsloth"])
    found["asked"]["sides"] = ["native", "unsloth"]
    run._store(NAME, ABOUT | TODAY, found)
    monkeypatch.setattr(run.machine, "facts", lambda: ABOUT | TODAY)
    assert run._is_up_to_date("training_peers", a_work({}, "native", "unsloth"))


def test_other_options_than_those_of_the_stored_result_are_measured(monkeypatch):
    def work(rows):
        return run.Work(stored_as="data_runs", options=f" --rows {rows}", measure=dict)

    monkeypatch.setattr(run.machine, "facts", lambda: ABOUT | TODAY)
    run._store("data_runs", ABOUT | TODAY | {"command": run._command("data_runs", work(1000))}, {})
    assert run._is_up_to_date("data_runs", work(1000))
    assert not run._is_up_to_date("data_runs", work(500))


def test_a_run_of_everything_goes_on_after_it_was_stopped(folder, monkeypatch, capsys):
    measured = []

    def case(name, *, stops=False):
        def measure(_):
            measured.append(name)
            if stops:
                raise KeyboardInterrupt
            return {}

        return measure

    monkeypatch.setattr(run.machine, "facts", lambda: ABOUT | TODAY)
    monkeypatch.setattr(run, "_render", lambda: None)
    monkeypatch.setattr(run, "WORKS", {})
    monkeypatch.setattr(run, "CASES", {"a": case("a"), "b": case("b", stops=True)})
    monkeypatch.setattr(sys, "argv", ["run.py"])
    with pytest.raises(SystemExit, match="the same command goes on"):
        run.main()
    monkeypatch.setattr(run, "CASES", {"a": case("a"), "b": case("b")})
    run.main()
    assert measured == ["a", "b", "b"]
    assert "1 of 2 are up to date" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["run.py", "--replace"])
    run.main()
    assert measured == ["a", "b", "b", "a", "b"]


def test_that_results_are_of_several_machines_is_told(tmp_path):
    about = ABOUT | {
        "memory_gb": 8.0,
        "versions": dict.fromkeys(LIBRARIES, "1"),
        "measured": "today",
        "command": "c",
    }
    found = {"rows": 1, "seconds": 1.0, "peak_rss_mb": 1}
    (tmp_path / "results" / run.machine.folder_of(ABOUT) / f"{NAME}.json").unlink()
    pages = []
    for host in ("a", "b"):
        run._store("preparing", about | {"host": "a"}, found)
        run._store("preparing-again", about | {"host": host}, found)
        pages.append(render(tmp_path / "results"))
    assert ["of several machines of this kind" in page for page in pages] == [False, True]


def test_why_a_helper_failed_is_told_with_what_it_said_last(capsys):
    def measure(_):
        subprocess.run(
            [sys.executable, "-c", "raise SystemExit('Loading\\nno memory')"], check=True, capture_output=True
        )

    reason = run._not_measured("demo", run.Work(stored_as="demo", measure=measure), ASKED)
    assert "returned non-zero exit status 1" in reason
    assert reason.endswith(" ... no memory")
    assert "Loading\nno memory" in capsys.readouterr().err


def test_why_nothing_was_measured_names_no_folder_of_the_machine(tmp_path):
    def measure(_):
        raise FileNotFoundError(2, "No such file", str(tmp_path / "base" / "model.safetensors"))

    reason = run._not_measured("demo", run.Work(stored_as="demo", measure=measure), ASKED)
    assert reason.endswith("'.../model.safetensors'")


def test_a_base_that_is_no_llama_is_refused_for_answering():
    asked = argparse.Namespace(model="opt-1.3b", rounds=1, data=Path("nowhere"))
    with pytest.raises(SystemExit, match=r"opt-1\.3b is none"):
        run._answering(asked)
    asked.model = "llama-3.2-1b"
    (work,) = run._answering(asked)
    assert work.stored_as == "answering-llama-3.2-1b"


@pytest.mark.parametrize(
    ("instructions", "stored_as", "bases"),
    [([], "answering-llama-42m", 1), (["AVX512-BF16"], "answering", 2)],
)
def test_answering_takes_the_smaller_base_alone_without_bf16(instructions, stored_as, bases, monkeypatch):
    here = ABOUT | {"instructions": instructions, "cuda": False}
    monkeypatch.setattr(run.machine, "facts", lambda: here)
    (work,) = run._answering(argparse.Namespace(model=None, rounds=5, data=Path("nowhere")))
    assert work.stored_as == stored_as
    assert len(work.scope.sides) == bases


def test_stored_results_and_their_page_name_no_folder_of_a_machine():
    project = Path(run.__file__).parent
    kept = [*(project / "results").rglob("*.json"), project / "RESULTS.md"]
    assert len(kept) > 1
    named = re.compile(r"/(home|root|work|tmp)/")
    assert [path.name for path in kept if named.search(path.read_text(encoding="utf-8"))] == []


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
