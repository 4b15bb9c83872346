"""Text for terminals and pipes that cannot hold every character."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from medadapt.cli.console import print_json


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_keeps_every_character_whatever_stdout_can_hold(encoding, monkeypatch):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace")
    monkeypatch.setattr(sys, "stdout", stdout)
    print_json({"text": "fièvre – 38 °C 🌡"})
    assert json.loads(stdout.buffer.getvalue().decode(encoding)) == {"text": "fièvre – 38 °C 🌡"}  # type: ignore[attr-defined]


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
