"""run.json: how far the run is, what each stage was made from, and how to go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from medadapt.core.errors import DataError, MedAdaptError, RunFolderError
from medadapt.core.files import read_json, write_json
from medadapt.core.hashes import sha256_object
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outputs import FileMark, Marks, output_hash

SCHEMA = 1

StageStatus = Literal["running", "interrupted", "failed", "done"]
RunStatus = Literal["running", "interrupted", "failed", "partial", "done"]
"""`partial`: every stage that was asked for is done, but not all six."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageState:
    """How one stage stands."""

    status: StageStatus
    inputs: dict[str, str]
    """Everything the result depends on -> its hash: recipe sections, source files, stages before."""
    outputs: Marks = field(default_factory=dict)
    seconds: float = 0.0
    """Time spent, over all resumed attempts."""
    finished: str | None = None
    """UTC."""

    @property
    def input_hash(self) -> str:
        return sha256_object(self.inputs)

    @property
    def output_hash(self) -> str | None:
        return output_hash(self.outputs) if self.status == "done" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How the run stands.

    `facts` are further top-level keys: versions, device, precision, seeds, ..., and `failure` {stage, problem, remedy,
    exit_code}, null where no stage failed.
    """

    name: str
    status: RunStatus
    smoke: bool
    stages: dict[str, StageState] = field(default_factory=dict)
    started: str
    facts: dict[str, Any] = field(default_factory=dict)

    def with_stage(self, name: str, stage: StageState) -> RunState:
        """The same state with one stage replaced; stages keep the order in which they first ran."""
        return dataclasses.replace(self, stages={**self.stages, name: stage})

    def without(self, names: list[str]) -> RunState:
        """The same state with stages forgotten."""
        kept = {name: stage for name, stage in self.stages.items() if name not in names}
        return dataclasses.replace(self, stages=kept)


def failure_facts(stage: str, problem: BaseException) -> dict[str, Any]:
    """Why a stage failed, for run.json. Of a bug only its kind: nobody knows what data stand in its text."""
    if isinstance(problem, MedAdaptError):
        told, remedy, exit_code = problem.problem, problem.remedy, problem.exit_code
    else:
        told, remedy, exit_code = type(problem).__name__, "", 1
    return {"stage": stage, "problem": told, "remedy": remedy, "exit_code": exit_code}


def now() -> str:
    """The time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def write_state(run: RunFolder, state: RunState) -> None:
    """Write run.json, whole or not at all."""
    stages = {
        name: {
            "status": stage.status,
            "input_hash": stage.input_hash,
            "output_hash": stage.output_hash,
            "seconds": round(stage.seconds, 3),
            "finished": stage.finished,
            "inputs": stage.inputs,
            "outputs": stage.outputs,
        }
        for name, stage in state.stages.items()
    }
    head = {"schema": SCHEMA, "name": state.name, "status": state.status, "smoke": state.smoke}
    times = {"started": state.started, "updated": now()}
    write_json(run.state, {**head, **times, **state.facts, "stages": stages})


def read_state(run: RunFolder) -> RunState | None:
    """The state in run.json; None where there is none. Raises RunFolderError on a damaged one."""
    if not run.state.is_file():
        return None
    try:
        return _parse(read_json(run.state))
    except (DataError, KeyError, TypeError, AttributeError) as problem:
        raise RunFolderError(
            f"{run.state} is damaged or of another version ({type(problem).__name__}: {problem}).",
            f"a run.json of schema {SCHEMA}",
            "Choose another folder with -o, or move this one away.",
        ) from problem


def _parse(values: Mapping[str, Any]) -> RunState:
    if values["schema"] != SCHEMA:
        raise KeyError(f"schema {values['schema']}")
    stages = {
        name: StageState(
            status=stage["status"],
            inputs=stage["inputs"],
            outputs={file: FileMark(**mark) for file, mark in stage["outputs"].items()},
            seconds=stage["seconds"],
            finished=stage["finished"],
        )
        for name, stage in values["stages"].items()
    }
    own = {"schema", "name", "status", "smoke", "stages", "started", "updated"}
    return RunState(
        name=values["name"],
        status=values["status"],
        smoke=values["smoke"],
        stages=stages,
        started=values["started"],
        facts={key: value for key, value in values.items() if key not in own},
    )
