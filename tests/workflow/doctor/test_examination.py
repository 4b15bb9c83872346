"""What is told of a machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from medadapt.models import device_check
from medadapt.workflow.doctor import examination
from medadapt.workflow.doctor.examination import examine
from medadapt.workflow.versions import versions


def test_a_machine_that_is_ready_has_no_problems():
    found = examine()
    assert found.problems == ()
    assert found.devices[-1].device == "cpu"
    assert found.versions == versions()
    assert found.extras["ui"] == ()


def test_a_package_that_is_too_old_is_a_problem_with_the_command_that_mends_it(monkeypatch):
    installed = examination.installed_version
    monkeypatch.setattr(
        examination, "installed_version", lambda name: "5.2.0" if name == "transformers" else installed(name)
    )
    (problem,) = examine().problems
    assert problem.problem.startswith("transformers 5.2.0 is installed: ")
    assert problem.remedy.startswith("pip install 'transformers>=")


def test_an_extra_that_is_not_there_is_no_problem_and_one_that_is_too_old_is(monkeypatch):
    installed = examination.installed_version

    def with_version(version):
        monkeypatch.setattr(
            examination, "installed_version", lambda name: version if name == "bm25s" else installed(name)
        )
        return examine()

    absent = with_version(None)
    assert (absent.problems, len(absent.extras["retrieval"])) == ((), 1)
    (problem,) = with_version("0.1.0").problems
    assert "The extra retrieval needs bm25s" in problem.problem
    assert problem.remedy == "pip install 'medadapt[retrieval]'"


def test_a_device_that_computes_nothing_is_a_problem(monkeypatch):
    def broken():
        raise RuntimeError("illegal instruction")

    monkeypatch.setattr(device_check, "_matrices", broken)
    (problem,) = examine().problems
    assert problem.problem == "cpu computes nothing: illegal instruction."


def test_torch_that_cannot_be_loaded_is_a_problem_and_no_traceback(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "medadapt.models.device_check", None)
    found = examine()
    assert found.devices == ()
    assert any("cannot be loaded" in problem.problem for problem in found.problems)


def test_packed_weights_that_do_not_work_are_advice(monkeypatch):
    def no_library(*_):
        raise RuntimeError("no native library")

    monkeypatch.setattr(device_check, "_packed_error", no_library)
    found = examine()
    assert found.problems == ()
    (advice,) = [one for one in found.advice if "cannot be used" in one.problem]
    assert advice.problem == "Bases in int8 and nf4 cannot be used on cpu: no native library."


@pytest.mark.parametrize(("threads", "is_told"), [(1, True), (8, False)])
def test_a_processor_that_is_used_in_part_is_told(threads, is_told, monkeypatch):
    monkeypatch.setattr("medadapt.models.device.usable_cores", lambda: 16)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    told = [one.problem for one in examine().advice if "threads" in one.problem]
    assert told == (["torch computes with 1 of 16 threads of the processor."] if is_told else [])


def test_a_disk_with_little_room_is_told_for_each_place(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2**30))
    told = [one.problem for one in examine().advice if "GiB left" in one.problem]
    assert told[0] == f"There are 1.0 GiB left for runs in this folder: {tmp_path}."
    assert len(told) == 2


def test_a_cache_that_is_not_made_yet_has_the_room_of_what_is_above_it(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "not" / "yet"))
    rooms = {room.folder: room.free for room in examine().rooms}
    assert rooms[str(tmp_path / "not" / "yet")] > 0
    assert not Path(tmp_path / "not").exists()


@pytest.mark.parametrize("offline", [True, False])
def test_offline_is_what_the_hub_library_takes_for_it(offline, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    assert examine().offline is offline
