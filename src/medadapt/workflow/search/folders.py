"""Where a search keeps what."""

from __future__ import annotations

import dataclasses
import shutil
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import RunFolderError
from medadapt.core.files import disk_faults, write_text
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.existing import as_read_today
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state, write_state
from medadapt.workflow.sub_runs import appearing, make_sub_run, share_folders, shared_stages


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
    make_sub_run(search.run, search.trial(name), recipe)


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
    with appearing(search.winner.path) as part:
        share_folders(source, part)
        # Copied, not shared: steps.jsonl is a file that grows.
        with disk_faults(part.path):
            shutil.copytree(source.adapter, part.adapter, ignore=shutil.ignore_patterns("checkpoints"))
        write_text(part.recipe, recipe_text(recipe))
        # Settings that changed no record and no example may be others than when the trial was made.
        state = as_read_today(source, state, STAGES)
        stages = {**state.stages, **shared_stages(state, recipe)}
        write_state(part, dataclasses.replace(state, name=recipe.name, stages=stages))
