"""Run folders inside of a run that share its records and examples: trials of a search, repeated seeds."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from medadapt.core.errors import RunFolderError
from medadapt.core.files import disk_faults, write_text
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.lock import locked
from medadapt.workflow.outputs import unchanged
from medadapt.workflow.stage import Stage
from medadapt.workflow.stage_inputs import stage_inputs
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import RunState, StageState, now, read_state, write_state

SHARED_STAGES = ("prepare", "encode")
"""Done once, in the run that the sub-runs lie in: what they vary changes neither records nor examples."""


def make_sub_run(
    source: RunFolder, target: RunFolder, recipe: Recipe, *, facts: Mapping[str, Any] | None = None
) -> None:
    """A run folder in which training can begin; one that is already there is left as it is.

    `facts` are further top-level keys of its run.json.
    """
    state = read_state(source)
    if target.state.is_file():
        return
    if state is None:
        raise RunFolderError(f"{source.path} has no run.json.", "a prepared run", "Run it again.")
    with appearing(target.path) as part:
        share_folders(source, part)
        write_text(part.recipe, recipe_text(recipe))
        write_state(
            part,
            RunState(
                name=recipe.name,
                status="partial",
                smoke=state.smoke,
                stages=shared_stages(state, recipe),
                started=now(),
                facts=dict(facts or {}),
            ),
        )


def shared_stages(state: RunState, recipe: Recipe) -> dict[str, StageState]:
    """The records of the shared stages as if they had run with a sub-run's recipe: their results are to be kept."""
    return {
        stage.name: _restated(stage, state.stages[stage.name], recipe, smoke=state.smoke)
        for stage in STAGES
        if stage.name in SHARED_STAGES
    }


def restate_shared(source: RunFolder, target: RunFolder, recipe: Recipe) -> None:
    """Let a sub-run's record say that what it shares was made with this recipe, as it is up to date in its run."""
    with locked(target):
        ours, theirs = read_state(source), read_state(target)
        if ours is None or theirs is None:
            return
        stages = {**theirs.stages, **shared_stages(ours, recipe)}
        if stages != theirs.stages:
            write_state(target, dataclasses.replace(theirs, stages=stages))


def heal_shared(source: RunFolder, target: RunFolder) -> None:
    """Take from the run again what a sub-run shares and no longer has as it got it; what was trained on it stays."""
    with locked(target) as sign:
        state = read_state(target)
        if state is None:
            return
        for stage in (stage for stage in STAGES if stage.name in SHARED_STAGES):
            if not unchanged(stage.path(target), state.stages[stage.name].outputs):
                sign()
                remove(stage.path(target))
                _share(stage.path(source), stage.path(target))


def shares_with(target: RunFolder, source: RunFolder) -> bool:
    """Whether a sub-run still has the records and examples that its run has now."""
    theirs, ours = read_state(target), read_state(source)
    if theirs is None or ours is None:
        return False
    return all(
        theirs.stages[name].output_hash == ours.stages[name].output_hash is not None for name in SHARED_STAGES
    )


def remove(*folders: Path) -> None:
    """Delete folders of sub-runs, those that are there.

    Raises RunBusyError, before anything is deleted, where another process works in one of them.
    """
    there = [folder for folder in folders if folder.exists()]
    for folder in there:
        # Asked for, not held: some network file systems delete no folder in which a file is open.
        for lock in folder.rglob(RunFolder(folder).lock.name):
            with locked(RunFolder(lock.parent)):
                pass
    for folder in there:
        with disk_faults(folder):
            shutil.rmtree(folder)


def link_or_copy(source: str, target: str) -> None:
    """One file under two names where the disk can do that. Our files are replaced, never written over."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def appearing(place: Path) -> Iterator[RunFolder]:
    """A run folder that is filled beside its place and appears there whole; what stood there before goes."""
    part = place.with_name(f".{place.name}.part")
    remove(part)
    with disk_faults(part):
        part.mkdir(parents=True)
    yield RunFolder(part)
    remove(place)
    with disk_faults(place):
        part.replace(place)


def share_folders(source: RunFolder, target: RunFolder) -> None:
    """Give `target` the base, records and examples of `source`, without a second copy where that is possible."""
    for folder in (source.base, source.records, source.examples):
        if folder.exists():
            _share(folder, target.path / folder.name)


def _share(folder: Path, target: Path) -> None:
    copy: Callable[[str, str], None] = link_or_copy
    with disk_faults(target):
        shutil.copytree(folder, target, copy_function=copy)


def _restated(stage: Stage, done: StageState, recipe: Recipe, *, smoke: bool) -> StageState:
    inputs = stage_inputs(stage, recipe, before={}, sources={}, smoke=smoke)
    del inputs["version"]  # what is shared may be of an earlier one, which made it for the sub-run, too
    return dataclasses.replace(done, inputs={**done.inputs, **inputs})
