"""Which commit a result is said to be of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import machine
import run

PROJECT = Path(run.__file__).resolve().parents[1]
FIGURE = run.FIGURES.relative_to(PROJECT) / "engine_and_trl.png"


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A repository with a figure and a file of code, all committed."""
    monkeypatch.setattr(machine, "HERE", tmp_path / "benchmarks")
    for path in (FIGURE, Path("src", "code.py")):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("before")
    subprocess.run(["git", "-C", str(tmp_path), "init", "-q"], check=True)
    commit(tmp_path)
    return tmp_path


def commit(folder: Path) -> None:
    for command in (["add", "."], ["commit", "-q", "-m", "all"]):
        named = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(folder), *named, *command], check=True)


def test_a_figure_that_a_measurement_draws_is_no_change_of_the_code(checkout):
    (checkout / FIGURE).write_text("after")
    assert "-dirty" not in machine._commit()
    (checkout / "src" / "code.py").write_text("after")
    assert machine._commit().endswith("-dirty")


def test_sources_are_the_same_until_one_of_them_is_committed_anew(checkout):
    before = machine._sources()
    for path in (FIGURE, Path("tests", "test_code.py"), Path("benchmarks", "results", "box", "demo.json")):
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text("after")
    commit(checkout)
    assert machine._sources() == before is not None
    (checkout / "src" / "code.py").write_text("after")
    assert machine._sources() is None
    commit(checkout)
    assert machine._sources() not in {before, None}


def test_why_the_machine_could_not_be_asked_is_told(tmp_path, monkeypatch):
    (tmp_path / "fails.py").write_text("raise SystemExit('no torch')")
    monkeypatch.setattr(machine, "__file__", str(tmp_path / "fails.py"))
    with pytest.raises(RuntimeError, match="no torch"):
        machine.facts()


def test_machines_are_told_apart_and_not_named(tmp_path, monkeypatch):
    numbers = {}
    for name in ("one", "other"):
        (tmp_path / name).write_text(f"{name:0>32}\n")
        monkeypatch.setattr(machine, "MACHINE_ID", tmp_path / name)
        numbers[name] = machine._host()
    assert len(set(numbers.values())) == 2
    assert not any(name in number for name, number in numbers.items())
    monkeypatch.setattr(machine, "MACHINE_ID", tmp_path / "none")
    assert machine._host() is None


@pytest.mark.parametrize("said", ["", "\n", "uninitialized\n"])
def test_machines_without_a_number_are_not_taken_for_one(said, tmp_path, monkeypatch):
    (tmp_path / "number").write_text(said)
    monkeypatch.setattr(machine, "MACHINE_ID", tmp_path / "number")
    assert machine._host() is None


def test_a_copy_without_git_has_no_known_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "HERE", tmp_path / "benchmarks")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit_of({"commit": machine._commit()}) == "unknown"
    assert machine._sources() is None
