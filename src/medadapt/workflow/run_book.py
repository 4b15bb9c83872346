"""Keeps run.json and recipe.yaml while stages run, and touches neither before the first one does."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from medadapt.core.files import disk_faults, write_text
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.request import RunRequest
from medadapt.workflow.stage import Facts, Stage
from medadapt.workflow.state import RunState, RunStatus, StageState, now, read_state, write_state
from medadapt.workflow.versions import git_commit, versions


class RunBook:
    """The record of one run. Guards that memory and run.json say the same."""

    def __init__(self, run: RunFolder, request: RunRequest, sign: Callable[[], None]) -> None:
        self.run = run
        self.state: RunState | None = read_state(run)
        self._request = request
        self._sign = sign
        self._opened = False

    def stage(self, name: str) -> StageState | None:
        """How a stage stands; None where it never began."""
        return self.state.stages.get(name) if self.state else None

    @property
    def begun(self) -> bool:
        """Whether anything was written."""
        return self._opened

    def open(self) -> RunState:
        """Begin to write: sign the lock, write the resolved recipe, and what this run is made with."""
        if self._opened and self.state:
            return self.state
        self._sign()
        recipe, old = self._request.recipe, self.state
        state = RunState(
            name=recipe.name,
            status="running",
            smoke=self._request.smoke,
            stages=old.stages if old else {},
            started=old.started if old else now(),
            facts={**(old.facts if old else {}), **self._first_facts()},
        )
        self._write(state)  # first, because run.json is what makes the folder a run
        write_text(self.run.recipe, recipe_text(recipe))
        self._opened = True
        return state

    def put_stage(
        self, name: str, stage: StageState, status: RunStatus = "running", failure: Facts | None = None
    ) -> None:
        """Write down how a stage, and with it the run, stands, and why it failed; a failure of before is over."""
        self._write_status(self.open().with_stage(name, stage), status, failure)

    def leave(self, status: RunStatus, failure: Facts | None) -> None:
        """Write down how a run ended whose next stage changed nothing; nothing where no stage before it ran."""
        if self._opened and self.state:
            self._write_status(self.state, status, failure)

    def keep(self, facts: Facts) -> None:
        """Add top-level facts."""
        state = self.open()
        self._write(dataclasses.replace(state, facts={**state.facts, **facts}))

    def discard(self, stages: Iterable[Stage]) -> None:
        """Forget what stages made, then delete it; in this order, so that a kill leaves no false record.

        What a stage's folder keeps of other commands stays in it.
        """
        stages = tuple(stages)
        self._write(self.open().without([stage.name for stage in stages]))
        for stage in reversed(stages):
            folder = stage.path(self.run)
            if folder.exists():
                with disk_faults(folder):
                    _empty(folder, keeping=stage.keeps)

    def close(self, *, complete: bool) -> None:
        """Write the final status, where anything ran."""
        if self._opened and self.state:
            self._write(dataclasses.replace(self.state, status="done" if complete else "partial"))

    def _write_status(self, state: RunState, status: RunStatus, failure: Facts | None) -> None:
        self._write(dataclasses.replace(state, status=status, facts={**state.facts, "failure": failure}))

    def _write(self, state: RunState) -> None:
        self.state = state
        write_state(self.run, state)

    def _first_facts(self) -> Facts:
        request = self._request
        return {
            "resume": request.resume_command,
            "versions": versions(),
            "git_commit": git_commit(),
            "device_asked": request.device,
            "seeds": {"recipe": request.recipe.seed},
        }


def _empty(folder: Path, *, keeping: tuple[str, ...]) -> None:
    """Delete a folder, or all in it but what is named."""
    if not any((folder / name).exists() for name in keeping):
        shutil.rmtree(folder)
        return
    for path in folder.iterdir():
        if path.name in keeping:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
