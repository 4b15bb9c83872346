"""Seconds and memory of a command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from timing import timed_command, timed_tree

MB = 2**20
TAKES_100_MB = f"import subprocess, sys; subprocess.run([sys.executable, '-c', 'bytearray({100 * MB})'])"


def test_the_largest_process_of_a_command_counts_and_not_the_one_that_measures(tmp_path):
    ballast = bytearray(400 * MB)
    found = timed_tree([sys.executable, "-c", TAKES_100_MB], folder=tmp_path)
    assert len(ballast) == 400 * MB
    assert 100 <= found["peak_tree_mb"] < 300
    assert (found["exit_code"], found["seconds"] > 0) == (0, True)


def test_a_command_works_in_its_folder_and_may_print(tmp_path):
    timed_tree([sys.executable, "-c", "print('{}'); open('made', 'w').close()"], folder=tmp_path)
    assert (tmp_path / "made").is_file()


@pytest.mark.parametrize("run", [timed_command, timed_tree])
def test_a_command_that_fails_is_told_with_what_it_said(run, tmp_path):
    with pytest.raises(RuntimeError, match="left with 7:\nno room"):
        run(
            [sys.executable, "-c", "import sys; print('no room', file=sys.stderr); sys.exit(7)"],
            folder=tmp_path,
        )
