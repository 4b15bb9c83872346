"""The folder of a search outside of the run."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from medadapt.workflow.search.scratch import scratch_folder

HOLDING = """
import sys, time
from medadapt.workflow.search.scratch import scratch_folder
with scratch_folder() as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


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
