"""A run's base and adapter, ready to be asked about records that are not its own test set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medadapt.core.adapter_folder import CONFIG
from medadapt.core.errors import RunFolderError
from medadapt.core.recipe import ModelSection
from medadapt.core.results import ModelName
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.workflow.documents import weights_of
from medadapt.workflow.locating import Located

if TYPE_CHECKING:
    from medadapt.models.loading import LoadedBase


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRun:
    """A run whose models are asked."""

    folder: RunFolder
    located: Located
    base: str
    """Folder or id of the base: the run's own where it made one."""

    @property
    def seed(self) -> int:
        return self.located.recipe.seed


def asked_run(located: Located) -> AskedRun:
    """The run as it lies on the disk."""
    folder = RunFolder(located.folder)
    return AskedRun(
        folder=folder,
        located=located,
        base=str(folder.base) if located.smoke else located.recipe.model.base,
    )


def need_adapter(run: AskedRun) -> Path:
    """The adapter's folder. Raises RunFolderError where training has not left one, or it is not whole."""
    if (run.folder.adapter / CONFIG).is_file():
        weights_of(run.folder)
    else:
        raise RunFolderError(
            f"{run.folder.path} has no adapter yet.",
            "a run in which train is done",
            f"Run `{command('run', run.folder.path)}` first, or ask the baseline alone.",
        )
    return run.folder.adapter


def load_asked(run: AskedRun, model: ModelSection, *, device: str) -> LoadedBase:
    """The base of a run, loaded as `model` says."""
    from medadapt.models.loading import load_base

    return load_base(model, base=run.base if run.located.smoke else None, device=device)


def as_asked(run: AskedRun, base: LoadedBase, name: ModelName) -> LoadedBase:
    """The model of this name: the base as it is, or with the run's adapter on it, which then stays there."""
    from medadapt.models.adapter import load_adapter

    return base if name == "baseline" else load_adapter(base, need_adapter(run))
