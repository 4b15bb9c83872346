"""Which files still are what a stage made of them."""

from __future__ import annotations

import pytest

from medadapt.workflow import outputs
from medadapt.workflow.outputs import changed_files, mark_of, unchanged


def test_a_large_file_that_kept_its_size_is_skipped_over_but_no_proof(
    tmp_path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "tuned.jsonl"
    path.write_text("wrong")
    marks = {"tuned.jsonl": mark_of(path)}
    monkeypatch.setattr(outputs, "HASHED_AGAIN_BYTES", 3)

    path.write_text("right")

    assert unchanged(tmp_path, marks)
    assert changed_files(tmp_path, marks) == [f"{tmp_path.name}/tuned.jsonl"]
