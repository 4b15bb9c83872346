"""Where a search keeps what, and run folders that share the records and examples of another run."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import RunFolderError
from medadapt.core.files import disk_faults, write_text
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.stage import Stage
from medadapt.workflow.stage_inputs import stage_inputs
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import RunState, StageState, now, read_state, write_state

SHARED_STAGES = ("prepare", "encode")
"""Done once, for all trials: what a search may vary changes neither records nor examples."""


@dataclass(frozen=True, slots=True)
class SearchFolder:
    """The paths inside `runs/<name>/search`."""

    run: RunFolder

    @property
    def path(self) -> Path:
        return self.run.path / "search"

    @property
    def state(self) -> Path:
        return self.path / "search.json"

    @property
    def winner(self) -> RunFolder:
        return RunFolder(self.path / "winner")

    def trial(self, name: str) -> RunFolder:
        """The run folder of a trial."""
        return RunFolder(self.path / "trials" / name)


def make_trial(search: SearchFolder, name: str, recipe: Recipe) -> None:
    """A run folder in which training can begin; one that is already there is left as it is."""
    target, source = search.trial(name), search.run
    state = read_state(source)
    if target.state.is_file():
        return
    if state is None:
        raise RunFolderError(f"{source.path} has no run.json.", "a prepared run", "Run the search again.")
    with _appearing(target.path) as part:
        _share(source, part)
        write_text(part.recipe, recipe_text(recipe))
        stages = {
            stage.name: _restated(stage, state.stages[stage.name], recipe, smoke=state.smoke)
            for stage in STAGES
            if stage.name in SHARED_STAGES
        }
        write_state(
            part,
            RunState(name=recipe.name, status="partial", smoke=state.smoke, stages=stages, started=now()),
        )


def make_winner(search: SearchFolder, name: str, recipe: Recipe) -> None:
    """`search/winner`: the trial as a run of its own, trained and not yet measured; an older one goes."""
    source = search.trial(name)
    state = read_state(source)
    if state is None:
        raise RunFolderError(
            f"{source.path} has no run.json, but trial {name} is the best one.",
            "the run folder of the trial",
            "Repeat the search with --replace.",
        )
    with _appearing(search.winner.path) as part:
        _share(source, part)
        # Copied, not shared: steps.jsonl is a file that grows.
        shutil.copytree(source.adapter, part.adapter, ignore=shutil.ignore_patterns("checkpoints"))
        write_text(part.recipe, recipe_text(recipe))
        write_state(part, dataclasses.replace(state, name=recipe.name))


def remove(folder: Path) -> None:
    """Delete a folder of the search, if it is there."""
    if folder.exists():
        with disk_faults(folder):
            shutil.rmtree(folder)


def link_or_copy(source: str, target: str) -> None:
    """One file under two names where the disk can do that. Our files are replaced, never written over."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@contextmanager
def _appearing(place: Path) -> Iterator[RunFolder]:
    """A run folder that is filled beside its place and appears there whole; what stood there before goes."""
    part = place.with_name(f".{place.name}.part")
    remove(part)
    with disk_faults(part):
        part.mkdir(parents=True)
    yield RunFolder(part)
    remove(place)
    with disk_faults(place):
        part.replace(place)


def _share(source: RunFolder, target: RunFolder) -> None:
    copy: Callable[[str, str], None] = link_or_copy
    for folder in (source.base, source.records, source.examples):
        if folder.exists():
            with disk_faults(target.path):
                shutil.copytree(folder, target.path / folder.name, copy_function=copy)


def _restated(stage: Stage, done: StageState, recipe: Recipe, *, smoke: bool) -> StageState:
    """The record of a shared stage as if it had run with the trial's recipe, which gives the same."""
    inputs = stage_inputs(stage, recipe, before={}, sources={}, smoke=smoke)
    return dataclasses.replace(done, inputs={**done.inputs, **inputs})
