from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys

import pytest

from medadapt.core.errors import RunBusyError, RunFolderError
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.lock import locked

HOLDER = """
import sys, time
from pathlib import Path
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.lock import locked
with locked(RunFolder(Path(sys.argv[1]))) as sign:
    sign()
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_folder_held_by_another_process_is_refused_with_its_number(tmp_path, holder):
    with pytest.raises(RunBusyError) as busy, locked(RunFolder(tmp_path)):
        pass
    assert f"Process {holder.pid} is working in {tmp_path}" in busy.value.problem
    assert busy.value.exit_code == 5


def test_killed_holder_frees_the_folder(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    run = RunFolder(tmp_path)
    with locked(run) as sign:
        sign()
        assert str(os.getpid()) in run.lock.read_text()


def test_looking_changes_no_file(tmp_path):
    run = RunFolder(tmp_path)
    with locked(run) as sign:
        sign()
    before = run.lock.stat().st_mtime_ns
    with locked(run):
        pass
    assert run.lock.stat().st_mtime_ns == before


def test_a_number_that_may_be_somebody_elses_by_then_is_not_left_behind(tmp_path):
    run = RunFolder(tmp_path)
    with locked(run) as sign:
        sign()
    assert run.lock.read_text() == ""


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def without_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without_locks)
    with (
        pytest.raises(RunFolderError, match="cannot be locked: No locks available"),
        locked(RunFolder(tmp_path)),
    ):
        pass
