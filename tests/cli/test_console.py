"""Text for terminals and pipes that cannot hold every character."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys

import pytest

from medadapt.cli.console import print_json


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_keeps_every_character_whatever_stdout_can_hold(encoding, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    monkeypatch.setattr(sys, "stdout", stdout)
    print_json({"text": "fièvre – 38 °C 🌡"})
    assert json.loads(stdout.buffer.getvalue().decode(encoding))["text"] == "fièvre – 38 °C 🌡"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("value", "code"), [({}, 0), ({"exit_code": 3}, 3)])
def test_json_always_has_the_exit_code(value, code, capsys):
    print_json(value)
    assert json.loads(capsys.readouterr().out) == {"exit_code": code}


WORK = """
import sys
from medadapt.cli.progress import shown_progress

with shown_progress() as progress:
    progress.start("training", total=2)
    print("begun", file=sys.__stdout__, flush=True)
    sys.stdin.readline()
    progress.advance()
    progress.note("step 1")
    progress.finish()
print("saved")
sys.exit(129)
"""


@pytest.mark.parametrize("opened", [pty.openpty, os.pipe])
def test_work_goes_on_where_the_terminal_or_the_reader_of_its_progress_is_gone(opened):
    ours, theirs = opened()
    with subprocess.Popen(
        [sys.executable, "-c", WORK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as work:
        os.close(theirs)
        assert work.stdout.readline() == "begun\n"
        os.close(ours)
        out, _ = work.communicate("\n", timeout=60)
    assert (out, work.returncode) == ("saved\n", 129)


def test_a_terminal_without_utf8_is_no_bug(tmp_path):
    words = ["recipes", "copy", "demo-qa", "-o", "fièvre.yaml"]
    done = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-m", "medadapt", *words],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        env={"PATH": "", "LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert b"fi?vre.yaml" in done.stdout
