"""Environments of the peers: one that cannot be made says why and leaves the others alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers import environments
from peers.environments import ENVIRONMENTS, LOCK, Environment, make_all


@pytest.mark.slow
def test_an_environment_that_cannot_be_made_leaves_the_others_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "FOLDER", tmp_path)
    monkeypatch.setattr(environments, "FAILED", {})
    broken = Environment(packages=(str(tmp_path / "absent.whl"),), check="", told=())
    monkeypatch.setitem(ENVIRONMENTS, "broken", broken)
    made = make_all(["broken", "unsloth"], cuda=False)
    assert "absent.whl" in made["broken"]["problem"]
    assert "CUDA" in made["unsloth"]["problem"]


def test_an_environment_that_could_not_be_made_is_not_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "FAILED", {})
    monkeypatch.setitem(ENVIRONMENTS, "broken", Environment(packages=(), check="", told=()))
    monkeypatch.setattr(environments, "FOLDER", tmp_path / "file" / "below")
    (tmp_path / "file").write_text("no folder")
    (first,) = make_all(["broken"], cuda=False).values()
    (tmp_path / "file").unlink()
    assert "left with 1" in first["problem"]
    assert str(tmp_path) not in first["problem"]
    assert make_all(["broken"], cuda=False) == {"broken": first}
    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_what_is_installed_is_pinned(name):
    assert all(
        "==" in package for package in (*ENVIRONMENTS[name].packages, *ENVIRONMENTS[name].cuda_packages)
    )


def test_trl_is_measured_in_the_versions_of_the_lock():
    lock = LOCK.read_text(encoding="utf-8").splitlines()
    assert set(ENVIRONMENTS["trl"].packages) <= set(lock)
