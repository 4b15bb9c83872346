"""What TARGET means: a run folder, a PEFT adapter folder, or `hub:owner/name[@revision]`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadapt.core.adapter_folder import CONFIG
from medadapt.core.errors import DataError, ModelError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.recipe import ModelSection, Recipe
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.models.hub_adapter import HUB, fetch_adapter
from medadapt.serving.asking import Asking, asking_of_run, read_asking

NO_PLAN = (
    "The adapter does not say how it was trained to be asked (it has no medadapt.json): a general prompt is "
    "used, and its answers may be worse than they could be."
)
SMOKE = "This is a smoke run: a tiny random base. Its answers mean nothing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An adapter on this machine and what is known about it, before anything is loaded."""

    name: str
    """As it was given."""
    adapter: Path
    model: ModelSection
    """Which base to load, and how."""
    base: str | None
    """A base to load instead of `model.base`: a smoke run's own, or the one that was asked for."""
    asking: Asking | None
    """None for an adapter of other software."""
    notes: tuple[str, ...] = ()
    """What a user must know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """An existing run, as far as its use goes."""

    folder: RunFolder
    recipe: Recipe
    smoke: bool

    @property
    def base(self) -> str | None:
        """The base the run made itself, else None."""
        return str(self.folder.base) if self.smoke else None


def find_target(name: str, *, base: str | None = None) -> Target:
    """The adapter that TARGET names; one of the hub is fetched. `base` replaces the base it names.

    Raises RunFolderError, DataError or ModelError where there is no such thing.
    """
    if name.startswith(HUB):
        return _adapter_target(name, fetch_adapter(name, key="TARGET"), base)
    folder = Path(name).expanduser()
    if RunFolder(folder).state.is_file():
        return _run_target(name, read_run(name), base)
    if (folder / CONFIG).is_file():
        return _adapter_target(name, folder, base)
    raise RunFolderError(
        f"{name} is neither a run nor an adapter: it has no run.json and no {CONFIG}.",
        "a run folder, a folder with a PEFT adapter, or hub:owner/name[@revision]",
        "Correct the path; `medadapt run` makes a run.",
    )


def read_run(name: str) -> Run:
    """The run in a folder. Raises RunFolderError where there is none."""
    folder = RunFolder(Path(name).expanduser())
    if not folder.state.is_file() or not folder.recipe.is_file():
        raise RunFolderError(
            f"{name} is no run folder.", "a folder that `medadapt run` made", "Correct the path."
        )
    return Run(
        folder=folder, recipe=read_recipe(folder.recipe), smoke=bool(read_json(folder.state).get("smoke"))
    )


def need_adapter(run: Run) -> None:
    """Raise RunFolderError where training has not left an adapter."""
    if not (run.folder.adapter / CONFIG).is_file():
        winner = run.folder.path / "search" / "winner"
        remedy = f"Run `{command('run', run.folder.path)}` first."
        if (RunFolder(winner).adapter / CONFIG).is_file():
            remedy = f"Name the best trial of its search: {winner}."
        raise RunFolderError(f"{run.folder.path} has no adapter yet.", "a run in which train is done", remedy)


def _run_target(name: str, run: Run, base: str | None) -> Target:
    need_adapter(run)
    asking = asking_of_run(run.recipe, run.folder)
    return Target(
        name=name,
        adapter=run.folder.adapter,
        model=asking.model,
        base=base or run.base,
        asking=asking,
        notes=(SMOKE,) if run.smoke else (),
    )


def _adapter_target(name: str, folder: Path, base: str | None) -> Target:
    if not (folder / CONFIG).is_file():
        raise ModelError(f"{name} has no {CONFIG}.", "an adapter in PEFT's format", "Correct the name.")
    asking = read_asking(folder)
    named = read_json(folder / CONFIG).get("base_model_name_or_path")
    if asking is not None:
        return Target(name=name, adapter=folder, model=asking.model, base=base, asking=asking)
    if not (base or named):
        raise DataError(
            f"{folder / CONFIG} does not name the base of the adapter.",
            "the base the adapter was trained on",
            "Name it with --base.",
        )
    model = ModelSection(base=base or str(named))
    return Target(name=name, adapter=folder, model=model, base=None, asking=None, notes=(NO_PLAN,))
