"""The interpreter of lm-evaluation-harness, as it is named on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medadapt.workflow.harness_parity.harness import NEEDED, HarnessModel, find_harness, run_harness


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """What looks like an interpreter with the harness; it keeps the variables of every call in `seen`."""
    told = json.dumps({"versions": dict.fromkeys(NEEDED, "1"), "folder": str(tmp_path)})
    python = tmp_path / "harness" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/sh\nenv >> '{tmp_path}/seen'\necho '{told}'\n")
    python.chmod(0o755)
    return python


def test_a_relative_path_still_names_the_interpreter_from_another_folder(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert find_harness(Path("harness/python")).python == python


def test_another_interpreter_gets_nothing_to_log_in_with_and_is_told_to_stay_offline(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN", "PYTHONPATH", "PYTHONHOME"):
        monkeypatch.setenv(name, "hf_secret")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    model = HarnessModel(base=tmp_path, adapter=None, device="cpu", max_length=8)

    run_harness(find_harness(python), model, ["task"], tmp_path, batch_size=1)

    seen = (tmp_path / "seen").read_text().splitlines()
    assert not [line for line in seen if "hf_secret" in line]
    assert [seen.count(name) for name in ("HF_HUB_OFFLINE=1", "HF_DATASETS_OFFLINE=1")] == [2, 2]
