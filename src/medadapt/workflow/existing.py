"""What a run folder that is already there allows: nothing of another recipe is ever overwritten unasked."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medadapt.core.errors import MedAdaptError, RunFolderError
from medadapt.core.home_folder import in_home
from medadapt.core.recipe import Recipe, dump
from medadapt.core.recipe_reading import read_recipe, recipe_from
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.core.strict_yaml import parse_yaml
from medadapt.workflow.stage import Stage
from medadapt.workflow.stage_inputs import PROTECTED, cut_by_itself, differences, read_today
from medadapt.workflow.state import RunState

SUB_RUNS = ("seeds/*", "search/trials/*", "search/winner")
"""Places of the runs inside of a run, which share its records and examples (`sub_runs.py`)."""
RECORDS_SEED = "records_seed"
"""The fact of run.json of a repetition under another seed: the seed by which its records were split."""


def is_run(folder: Path) -> bool:
    """Whether the folder holds a run."""
    return RunFolder(folder).state.is_file()


def refuse_strangers(run: RunFolder) -> None:
    """Raise RunFolderError where the folder holds something that is no run."""
    if not run.path.exists() or is_run(run.path):
        return
    if not run.path.is_dir():
        raise RunFolderError(f"{run.path} is a file.", "a folder for the run", "Choose another name with -o.")
    others = sorted(path.name for path in run.path.iterdir() if not _is_our_own(path, run))
    if others:
        raise RunFolderError(
            f"{run.path} is no run folder: it has no run.json, but holds {', '.join(others[:3])}"
            f"{f' and {len(others) - 3} more' if len(others) > 3 else ''}.",
            "an empty or new folder, or one that an earlier run made",
            "Choose another folder with -o. Nothing was changed.",
        )


def refuse_another_recipe(
    run: RunFolder, state: RunState, recipe: Recipe, *, smoke: bool, table: tuple[Stage, ...]
) -> None:
    """Raise RunFolderError with the list of differences where the run was made from another recipe.

    A run that failed is held only to the sections that its finished stages have read: who mistyped the name
    of the model corrects it and goes on.
    """
    lines = [] if state.smoke == smoke else [f"smoke run: {state.smoke} -> {smoke}"]
    if run.recipe.is_file():
        recorded = read_recipe(run.recipe)
        lines += differences(recorded, recipe, _bound_keys(run, state, table))
    if lines:
        raise RunFolderError(
            f"{run.path} was made from another recipe:\n" + "\n".join(f"  {line}" for line in lines),
            "the recipe this folder was made from (only evaluation and name may change)",
            "Choose another folder with -o, or add --replace to run again from the first changed stage; "
            "what later stages made is deleted then.",
        )


def refuse_losing_work(stage: Stage, run: RunFolder, changed: list[str], later: tuple[Stage, ...]) -> None:
    """Raise RunFolderError where running a stage on changed inputs would throw away training."""
    trained = [other for other in (stage, *later) if other.holds_costly_work(run)]
    if trained and later and changed == ["version"]:
        goes_on = command("run", run.path, "--from", later[0].name)
        raise RunFolderError(
            f"{run.path}: an earlier version of MedAdapt made {stage.folder}, and this one may make it otherwise. "
            f"{stage.name} would run again, and {trained[0].folder} would be lost.",
            "files of this version for a folder that holds training",
            f"Run `{goes_on}`, which goes on with {stage.folder} as it is, or add --replace to make everything anew.",
        )
    if trained:
        raise RunFolderError(
            f"{run.path}: {stage.name} would run on other inputs than before ({', '.join(changed)}), "
            f"and {trained[0].folder} would be lost.",
            "unchanged inputs for a folder that holds training",
            "Choose another folder with -o, or add --replace to run again from there.",
        )


def refuse_other_splits(stage: Stage, run: RunFolder, state: RunState | None, recipe: Recipe) -> None:
    """Raise RunFolderError where a repetition would split the data by its own seed, under an adapter of other ones."""
    seed = state.facts.get(RECORDS_SEED) if state else None
    if stage.name != "prepare" or seed in (None, recipe.seed):
        return
    seeds = run.path.resolve().parent
    repetitions = len(list(seeds.glob("*/run.json")))
    raise RunFolderError(
        f"{run.path} repeats the training of {seeds.parent} on the records of that run, split by seed {seed}; prepare "
        f"would split them by seed {recipe.seed}.",
        "records as the run has them",
        f"Run `{command('run', seeds.parent, '--seeds', repetitions + 1)}`, which brings them back.",
    )


def training_in(run: RunFolder, stages: tuple[Stage, ...]) -> Path | None:
    """The first folder with training that one of the stages made in the run, or in a run that lies in it."""
    inside = [RunFolder(path) for pattern in SUB_RUNS for path in sorted(run.path.glob(pattern))]
    trained = (stage.path(one) for one in (run, *inside) for stage in stages if stage.holds_costly_work(one))
    return next(trained, None)


def kept_older(stage: Stage, run: RunFolder, trained: Path) -> str:
    """The note that a stage of an earlier version counts as up to date, and the command that makes it anew."""
    anew = command(stage.name, run.path, "--replace")
    return (
        f"{stage.folder} is of an earlier version of MedAdapt and stays as it is, because "
        f"{trained.relative_to(run.path)} was trained on it. To begin anew with this version, run `{anew}` first."
    )


def refuse_own_adapter(folder: Path, adapter: str | None) -> None:
    """Raise RunFolderError where a run would start from an adapter in its own folder, and overwrite it."""
    if adapter is None or adapter.startswith("hub:"):
        return
    if not in_home(adapter).resolve().is_relative_to(folder.resolve()):
        return
    raise RunFolderError(
        f"model.adapter {adapter} lies in {folder}, the folder of this run, which would replace it.",
        "an adapter outside of the run that starts from it",
        "Choose another folder with -o; the adapter stays where it is.",
    )


def refuse_missing_run(run: RunFolder, earlier: tuple[Stage, ...], wanted: Stage) -> None:
    """Raise RunFolderError, before anything is created, where stages must have run and there is no run."""
    if earlier and not is_run(run.path):
        raise missing_stage(run, None, earlier[0], wanted)


def refuse_backward_order(first: str, last: str, *, backward: bool) -> None:
    """Raise MedAdaptError where the last stage asked for comes before the first."""
    if backward:
        raise MedAdaptError(
            f"--from {first} --until {last} runs nothing: {last} comes before {first}.",
            "stages in the order of the path",
            f"Use --from {last} --until {first}.",
        )


def missing_stage(run: RunFolder, state: RunState | None, missing: Stage, wanted: Stage) -> RunFolderError:
    """The error that names the command to run first."""
    stage = state.stages.get(missing.name) if state else None
    if stage is None:
        found = f"{missing.name} has not run there"
    elif stage.status == "done":
        found = f"files of {missing.folder} are missing"
    else:
        found = f"{missing.name} is {stage.status} there"
    remedy = f"Run `{command(missing.name, run.path)}` first, or `{command('run', run.path)}`."
    if state is None:  # no recipe lies in that folder
        folder = shlex.quote(str(run.path))
        remedy = (
            f"Run `medadapt {missing.name}` with the same recipe and -o {folder} first, or `medadapt run`."
        )
    return RunFolderError(
        f"{wanted.name} needs {missing.folder} in {run.path}, but {found}.",
        f"a run folder in which {missing.name} is done",
        remedy,
    )


def edited_stage(run: RunFolder, edited: Stage, wanted: Stage) -> RunFolderError:
    """The error that names the command which makes the files of a sealed stage anew."""
    files = ", ".join(f"{edited.folder}/{pattern}" for pattern in edited.outputs)
    return RunFolderError(
        f"{wanted.name} needs {files} in {run.path} as {edited.name} left it, but it was changed since.",
        f"what {edited.name} wrote, by the sha256 in run.json",
        f"Run `{command(edited.name, run.path)}` first, which makes it anew.",
    )


def as_read_today(run: RunFolder, state: RunState, table: tuple[Stage, ...]) -> RunState:
    """The state with what its stages would have recorded of the run's own recipe had they known this version's keys."""
    if (recipe := recipe_of_older_keys(run)) is None:
        return state
    written, today = recipe
    for stage in table:
        if (done := state.stages.get(stage.name)) is not None:
            inputs = read_today(done.inputs, stage.reads, written=written, today=today)
            state = state.with_stage(stage.name, dataclasses.replace(done, inputs=inputs))
    return state


def recipe_of_older_keys(run: RunFolder) -> tuple[Mapping[str, Any], Recipe] | None:
    """The run's own recipe as it is written and as this version reads it; None where both are recorded alike.

    It is None, too, where the recipe in the folder cannot be read.
    """
    try:
        written = parse_yaml(run.recipe.read_text("utf-8"), str(run.recipe))
        today = recipe_from(written, where=str(run.recipe))
    except (MedAdaptError, OSError, UnicodeDecodeError):
        return None
    return None if written == cut_by_itself(dump(today)) else (written, today)


def differing_settings(recorded: Mapping[str, str], asked: Mapping[str, str]) -> list[str]:
    """What a stage was made with and what is asked for now, where both are known and differ."""
    kept = [name for name in recorded if name in asked and (name.startswith("recipe ") or name == "smoke")]
    return [name.removeprefix("recipe ") for name in kept if recorded[name] != asked[name]]


def stage_of_another_recipe(run: RunFolder, made: Stage, wanted: Stage, names: list[str]) -> RunFolderError:
    """The error that names the command which makes a stage anew under the settings that are asked for."""
    return RunFolderError(
        f"{wanted.name} builds on {made.folder} in {run.path}, which was made with other settings "
        f"({', '.join(names)}).",
        f"a recipe that {made.name} has run with",
        f"Run `{command(made.name, run.path)}` with the same --set first, or `medadapt run`; or "
        "choose another folder with -o.",
    )


def stage_of_other_files(run: RunFolder, made: Stage, wanted: Stage, changed: Stage) -> RunFolderError:
    """The error that names the command which makes a stage anew from what was exchanged."""
    return RunFolderError(
        f"{wanted.name} builds on {made.folder} in {run.path}, which was made from other files of {changed.folder} "
        "than lie there now.",
        f"{made.folder} of the files that are there",
        f"Run `{command(made.name, run.path)}` first.",
    )


def _is_our_own(path: Path, run: RunFolder) -> bool:
    """The lock, or half a file of a run that was killed before it had a run.json."""
    return path == run.lock or (path.name.startswith(".") and path.suffix == ".part")


def _bound_keys(run: RunFolder, state: RunState, table: tuple[Stage, ...]) -> tuple[str, ...]:
    if state.status != "failed":
        return PROTECTED
    binding = [
        stage
        for stage in table
        if stage.name in state.stages
        and (stage.holds_costly_work(run) or state.stages[stage.name].status == "done")
    ]
    read = {key.partition(".")[0] for stage in binding for key in stage.reads}
    return tuple(key for key in PROTECTED if key in read or "*" in read)
