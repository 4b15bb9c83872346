"""What TARGET means: a run folder, a PEFT adapter folder, or `hub:owner/name[@revision]`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medadapt.core.adapter_folder import CONFIG, WEIGHTS
from medadapt.core.documents import read_object
from medadapt.core.errors import DataError, ModelError, RunFolderError
from medadapt.core.files import read_json
from medadapt.core.hashes import sha256_file
from medadapt.core.home_folder import in_home
from medadapt.core.recipe import ModelSection, Quantization, Recipe
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder, no_run
from medadapt.core.shell_command import command
from medadapt.models.hub_adapter import HUB, UNNAMED_BASE, fetch_adapter
from medadapt.report.named_base import NamedBase, named_base
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
    as_published: bool = False
    """Whether the base is packed as its own config.json says, whatever `model.quantization` is."""
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


def find_target(name: str, *, base: str | None = None, quantization: Quantization | None = None) -> Target:
    """The adapter that TARGET names; one of the hub is fetched. `base` replaces the base it names.

    `quantization` packs the base of an adapter of other software, which else is packed as it was published.

    Raises RunFolderError, DataError or ModelError where there is no such thing, and DataError where a run or an
    adapter says itself how its base is packed.
    """
    target = _named_target(name, base)
    if quantization is None:
        return target
    if target.asking is not None:
        raise DataError(
            f"{name} says itself how its base is held (model.quantization: {target.model.quantization}); packed "
            "otherwise it would give other answers than it was trained to.",
            "--quantization for an adapter of another tool only",
            "Leave out --quantization.",
        )
    model = target.model.model_copy(update={"quantization": quantization})
    return replace(target, model=model, as_published=False)


def _named_target(name: str, base: str | None) -> Target:
    if name.startswith(HUB):
        return _adapter_target(name, fetch_adapter(name, key="TARGET"), base)
    folder = in_home(name)
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
    folder = RunFolder(in_home(name))
    if not folder.state.is_file() or not folder.recipe.is_file():
        raise no_run(name)
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


def need_measured_adapter(run: Run) -> None:
    """Raise RunFolderError where the adapter of a run is not the one that its predictions were made with.

    It may be exchanged on purpose, but what was measured before says nothing of it. Nothing is raised where the run
    does not say which one was measured.
    """
    weights, measured = run.folder.adapter / WEIGHTS, _measured_weights(run)
    if measured is None or not weights.is_file() or sha256_file(weights) == measured:
        return
    raise RunFolderError(
        f"{weights} was exchanged since the predictions of {run.folder.path} were made.",
        "the adapter that was measured",
        f"Run `{command('run', run.folder.path, '--from', 'predict')}`, which measures it, or put the other one back.",
    )


def _measured_weights(run: Run) -> str | None:
    """The sha256 of the adapter's weights that were asked, as predict or the score stage wrote it down."""
    found: dict[str, Any] = read_json(run.folder.state).get("prediction") or {}
    path = run.folder.metrics / "metrics.json"
    if "adapter_sha256" not in found and path.is_file():
        again = f"Run `{command('score', run.folder.path)}`, which makes it anew."
        found = read_object(path, remedy=again).get("protocol") or {}
    return found.get("adapter_sha256")


def base_of_run(run: Run) -> NamedBase:
    """The base that the recipe of a run names; of a smoke run it is not the one in use."""
    return named_base(run.recipe.model.base, read_json(run.folder.state))


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
    config = read_json(folder / CONFIG)
    named = asking.model.base if asking else config.get("base_model_name_or_path")
    if base is None and (not named or named == UNNAMED_BASE):
        raise DataError(
            f"{folder / CONFIG} does not name the base of the adapter"
            f"{', which was a folder where it was trained' if named else ''}.",
            "the base the adapter was trained on",
            "Name it with --base.",
        )
    if asking is not None:
        return Target(name=name, adapter=folder, model=asking.model, base=base, asking=asking)
    model = ModelSection(base=base or str(named), revision=None if base else _base_revision(config))
    return Target(
        name=name, adapter=folder, model=model, base=None, asking=None, as_published=True, notes=(NO_PLAN,)
    )


def _base_revision(config: dict[str, Any]) -> str | None:
    """The revision of the base on the hub that an adapter in PEFT's format was trained on, where it says so."""
    bundled = str(config.get("base_model_name_or_path")).startswith("sample:")
    return None if bundled else config.get("revision") or None
