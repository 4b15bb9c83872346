"""Runs as an earlier version of MedAdapt left them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.hashes import sha256_file
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outputs import mark_of
from medadapt.workflow.state import read_state

EARLIER = "an earlier one"


def as_prepared_before(folder: Path) -> None:
    """The run and those inside of it as if an earlier prepare stage had made their records.

    It told less of them in data.json, so this version would not make the same files.
    """
    runs = [RunFolder(path.parent) for path in sorted(folder.rglob("run.json"))]
    renamed = {}
    for run in runs:
        path = run.records / "data.json"
        data = read_json(path)
        del data["alike_labels"]
        write_json(path, data)
        state, before = read_json(run.state), _output_hash(run)
        state["stages"]["prepare"]["inputs"]["version"] = EARLIER
        state["stages"]["prepare"]["outputs"]["data.json"] = asdict(mark_of(path))
        write_json(run.state, state)
        renamed[before] = _output_hash(run)
    for path in folder.rglob("search.json"):
        before = sha256_file(path)
        _rename(path, renamed)
        renamed[before] = sha256_file(path)
    for run in runs:
        _rename(run.state, renamed)


def _output_hash(run: RunFolder) -> str:
    state = read_state(run)
    assert state is not None
    return state.stages["prepare"].output_hash or ""


def _rename(path: Path, renamed: dict[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in renamed.items():
        text = text.replace(old, new)
    write_text(path, text)
