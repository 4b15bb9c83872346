"""The interpreter of lm-evaluation-harness, as it is named on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medadapt.workflow.harness_parity.harness import NEEDED, find_harness


def test_a_relative_path_still_names_the_interpreter_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told = json.dumps({"versions": dict.fromkeys(NEEDED, "1"), "folder": str(tmp_path)})
    python = tmp_path / "harness" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\necho '{told}'\n")
    python.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    assert find_harness(Path("harness/python")).python == python
