"""The folder of a search outside of the run."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from medadapt.core.errors import MedAdaptError
from medadapt.workflow.search import scratch
from medadapt.workflow.search.scratch import scratch_folder

HOLDING = """
import sys, time
from medadapt.workflow.search.scratch import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


LONGEST_SESSION = "session_2026-12-31_23-59-59_999999_4194304"


def use_as_temporary(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture(autouse=True)
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of our own with a short path; pytest's are too long for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        use_as_temporary(Path(folder), monkeypatch)
        yield Path(folder)


@pytest.fixture
def long(temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder in which a socket has too long a path; `temporary` stands for /tmp."""
    folder = tmp_path / ("x" * scratch.LONGEST_SOCKET)
    folder.mkdir()
    use_as_temporary(folder, monkeypatch)
    monkeypatch.setattr(scratch, "SHORT", temporary)
    return folder


def test_nothing_is_left_after_the_block(temporary: Path):
    with scratch_folder() as folder:
        (folder / "file").touch()
        assert folder.stat().st_mode & 0o777 == 0o700

    assert list(temporary.iterdir()) == []


def test_what_a_killed_search_left_goes_and_what_another_one_uses_stays(temporary: Path):
    with subprocess.Popen([sys.executable, "-c", HOLDING], stdout=subprocess.PIPE, text=True) as other:
        theirs = Path(other.stdout.readline().strip())
        with scratch_folder():
            used = theirs.exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
    (temporary / "ma-of-someone-else").mkdir()

    with scratch_folder():
        left = theirs.exists()

    assert (used, left) == (True, False)
    assert [path.name for path in temporary.iterdir()] == ["ma-of-someone-else"]


def test_a_temporary_folder_with_too_long_a_path_gives_way_to_a_short_one(long: Path, temporary: Path):
    with scratch_folder() as folder:
        place, mode = folder.parent, folder.stat().st_mode & 0o777

    assert (place, mode) == (temporary, 0o700)


def test_what_killed_searches_left_goes_from_both_folders(long: Path, temporary: Path):
    for place in (long, temporary):
        (place / "ma-12345678").mkdir()
        (place / "ma-12345678" / scratch.LOCK).touch()

    with scratch_folder() as folder:
        left = [*long.iterdir(), *temporary.iterdir()]

    assert left == [folder]


@pytest.mark.usefixtures("long")
def test_without_any_short_folder_the_remedy_is_a_short_tmpdir(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scratch, "SHORT", tmp_path / "none")

    with (
        pytest.raises(MedAdaptError, match=r"too long(.|\n)*Set TMPDIR to a folder with a short path"),
        scratch_folder(),
    ):
        pass


@pytest.mark.parametrize("more", [0, 1])
def test_the_longest_temporary_path_that_is_used_leaves_room_for_the_socket_of_ray(
    temporary: Path, monkeypatch: pytest.MonkeyPatch, more: int
):
    room = scratch.LONGEST_SOCKET - scratch.BELOW
    usual = temporary / ("x" * (room + more - len(f"{temporary}/")))
    usual.mkdir()
    use_as_temporary(usual, monkeypatch)

    with scratch_folder() as folder, socket.socket(socket.AF_UNIX) as plasma:
        place = folder.parent
        sockets = folder / LONGEST_SESSION / "sockets"
        sockets.mkdir(parents=True)
        plasma.bind(str(sockets / "plasma_store"))

    assert (place == usual) is (more == 0)
