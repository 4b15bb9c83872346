"""Runs as an earlier version of MedAdapt left them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.core.run_folder import RunFolder
from medadapt.core.strict_yaml import parse_yaml
from medadapt.workflow.outputs import mark_of
from medadapt.workflow.stage_inputs import NEUTRAL, cut_by_itself
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


def without_key(folder: Path, section: str, key: str) -> None:
    """The run and those inside of it as they were made before there was a key.

    Their recipes lack it, and what is recorded of its section is the hash of one without it.
    """
    states = sorted(folder.rglob("run.json"))
    for recipe in (path.with_name("recipe.yaml") for path in states):
        values = parse_yaml(recipe.read_text("utf-8"), str(recipe))
        before = section_hash(values, section)
        del values[section][key]
        write_text(recipe, yaml.safe_dump(values))
        for path in [*states, *folder.rglob("search.json")]:
            _rename(path, {before: section_hash(values, section)})


def with_cut_recorded(folder: Path) -> None:
    """The run and those inside of it as they were made when it was recorded how a training step is cut."""
    states = sorted(folder.rglob("run.json"))
    for recipe in (path.with_name("recipe.yaml") for path in states):
        values = parse_yaml(recipe.read_text("utf-8"), str(recipe))
        for path in states:
            _rename(path, {section_hash(cut_by_itself(values), "training"): section_hash(values, "training")})


def section_hash(recipe: dict[str, Any], section: str) -> str:
    """What is recorded of a section of these values."""
    values = recipe[section].items()
    return sha256_object({name: value for name, value in values if f"{section}.{name}" not in NEUTRAL})


def _output_hash(run: RunFolder) -> str:
    state = read_state(run)
    assert state is not None
    return state.stages["prepare"].output_hash or ""


def _rename(path: Path, renamed: dict[str, str]) -> None:
    text = path.read_text("utf-8")
    for old, new in renamed.items():
        text = text.replace(old, new)
    write_text(path, text)
