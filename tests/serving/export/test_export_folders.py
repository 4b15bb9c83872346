"""Where an export goes: never over the run, never over what is not an export, and whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from pathlib import Path

import pytest

from medadapt.core import whole_folder
from medadapt.core.errors import RunBusyError, RunFolderError
from medadapt.core.run_folder import RunFolder
from medadapt.serving.command_targets import Run
from medadapt.serving.export.folders import EXPORT, name_of, new_folder


@pytest.fixture
def run(tmp_path, run):
    folder = tmp_path / "run"
    (folder / "5-metrics").mkdir(parents=True)
    (folder / "5-metrics" / "parity.json").write_text("{}")
    return Run(folder=RunFolder(folder), recipe=run.recipe, smoke=False)


def fill(folder, run, *, replace=False, name="new.txt"):
    with new_folder(folder, run, replace=replace) as part:
        (part / name).write_text("new")
        (part / EXPORT).write_text(json.dumps({"schema": 1, "to": "merged"}))


def files(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("place", ["run", "run/5-metrics", "run/new", "."])
def test_nothing_of_the_run_is_ever_replaced(place, run, tmp_path):
    (tmp_path / EXPORT).write_text('{"to": "merged"}')
    (run.folder.path / EXPORT).write_text('{"to": "merged"}')
    with pytest.raises(RunFolderError, match="the run"):
        fill(tmp_path / place, run, replace=True)
    assert files(run.folder.path) == ["5-metrics", EXPORT]
    assert files(run.folder.path / "5-metrics") == ["parity.json"]


@pytest.mark.parametrize("content", ["{}", "[]", '{"to": "my letters"}', "no JSON"])
def test_a_folder_is_an_export_only_by_its_own_mark(content, run, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / EXPORT).write_text(content)
    (tmp_path / "out" / "parity.json").write_text("{}")
    with pytest.raises(RunFolderError, match="no export"):
        fill(tmp_path / "out", run, replace=True)
    assert files(tmp_path / "out") == [EXPORT, "parity.json"]


def test_an_export_is_replaced_as_a_whole_on_request(run, tmp_path):
    fill(tmp_path / "out", run, name="old.txt")
    with pytest.raises(RunFolderError, match="--replace"):
        fill(tmp_path / "out", run)
    fill(tmp_path / "out", run, replace=True)
    assert files(tmp_path / "out") == [EXPORT, "new.txt"]
    assert files(tmp_path) == ["out", "run"]


def test_the_empty_folder_that_the_user_stands_in_is_filled(run, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    fill(Path(), run)
    assert files(Path()) == [EXPORT, "new.txt"]  # what the shell sees
    assert name_of(Path()) == "out"
    with pytest.raises(RunFolderError, match=r"cd \.\."):
        fill(Path(), run, replace=True)


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """A folder that nothing is renamed into or out of, as where another disk is mounted."""
    folder, rename = tmp_path / "mounted", Path.replace
    folder.mkdir()

    def within_a_disk(path, target):
        if path == folder or (folder in path.parents) != (folder in Path(target).parents):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", within_a_disk)
    monkeypatch.setattr(Path, "is_mount", lambda path: path == folder)
    return folder


def test_an_empty_mounted_folder_is_filled(mounted, run):
    fill(mounted, run)
    assert files(mounted) == [EXPORT, "new.txt"]
    assert files(mounted.parent) == ["mounted", "run"]


def test_an_empty_folder_that_another_export_fills_meanwhile_is_left_alone(run, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    clear = whole_folder._clear

    def late(part, old, folder):
        clear(part, old, folder)
        (folder / "theirs.txt").write_text("theirs")

    monkeypatch.setattr(whole_folder, "_clear", late)
    with pytest.raises(RunFolderError, match="meanwhile"):
        fill(tmp_path / "out", run, name="theirs.txt")
    assert (tmp_path / "out" / "theirs.txt").read_text() == "theirs"


def test_what_a_killed_export_left_in_an_empty_folder_is_taken_away_by_the_next(run, tmp_path):
    part = tmp_path / "out" / ".out.export.part"
    part.mkdir(parents=True)
    (part / "half").write_text("")
    fill(tmp_path / "out", run)
    assert files(tmp_path / "out") == [EXPORT, "new.txt"]


def test_an_export_in_a_mounted_folder_is_not_replaced_and_that_is_told_before_the_work(mounted, run):
    fill(mounted, run, name="old.txt")
    told = pytest.raises(RunFolderError, match="is a mounted folder")
    with told as refused, new_folder(mounted, run, replace=True):
        pytest.fail("the work began")
    assert refused.value.remedy == "Empty it first, or choose a new folder inside of it with -o."
    assert files(mounted) == [EXPORT, "old.txt"]


def test_a_link_leads_to_the_folder_it_names(run, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "not-yet")
    fill(tmp_path / "link", run)
    assert files(tmp_path / "not-yet") == [EXPORT, "new.txt"]


def test_a_place_that_cannot_be_a_folder_is_told_before_the_work(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be made"):
        fill(tmp_path / "file" / "out", run)


def test_what_a_killed_export_left_is_taken_away_by_the_next(run, tmp_path):
    part = tmp_path / ".out.export.part"
    (part / "model").mkdir(parents=True)
    (part / "model" / "half").write_text("")
    fill(tmp_path / "out", run)
    assert files(tmp_path / "out") == [EXPORT, "new.txt"]
    assert files(tmp_path) == ["out", "run"]


def test_an_export_that_was_killed_while_it_was_replaced_comes_back(run, tmp_path):
    fill(tmp_path / "out", run, name="old.txt")
    (tmp_path / "out").rename(tmp_path / ".out.export.old")
    with pytest.raises(RunFolderError, match="--replace"):
        fill(tmp_path / "out", run)
    assert files(tmp_path / "out") == [EXPORT, "old.txt"]
    assert files(tmp_path) == ["out", "run"]


def test_an_export_that_cannot_take_its_place_gives_it_back(run, tmp_path, monkeypatch):
    fill(tmp_path / "out", run, name="old.txt")
    rename = Path.replace

    def interrupted(path, target):
        if path.name.endswith(".part"):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "out", run, replace=True)
    assert files(tmp_path / "out") == [EXPORT, "old.txt"]
    assert files(tmp_path) == ["out", "run"]


def test_two_processes_do_not_export_into_one_folder(run, tmp_path):
    part = tmp_path / ".out.export.part"
    part.mkdir()
    (part / "theirs").write_text("")
    handle = os.open(part, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(RunBusyError, match="Another process"):
            fill(tmp_path / "out", run)
        assert files(part) == ["theirs"]
    finally:
        os.close(handle)
