"""The same run under further training seeds: same records, same examples, other adapters.

A recipe's seed also decides the splits. A sub-run therefore gets the records and examples of the run, stated
anew as if its own seed had made them, and trains under its seed on those.
"""

from __future__ import annotations

import dataclasses

from medadapt.core.errors import MedAdaptError, RecipeError, RunBusyError, RunFolderError, StoppedError
from medadapt.core.files import read_json, write_json
from medadapt.core.hashes import sha256_file
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.results import Metrics
from medadapt.core.run_folder import RunFolder
from medadapt.core.shell_command import command
from medadapt.workflow import existing
from medadapt.workflow.beside import note_beside
from medadapt.workflow.lock import locked
from medadapt.workflow.outcome import Outcome, run
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import stopped
from medadapt.workflow.signals import Interruption, stop_signals
from medadapt.workflow.state import read_state
from medadapt.workflow.sub_runs import heal_shared, make_sub_run, remove, restate_shared, shares_with

FOLDER = "seeds"
NAME_LENGTH = 74
"""Of a recipe's name, so that the largest seed fits behind it."""
SEEDS = 2**63
"""There are so many; after the last one comes 0."""


def run_seeds(request: RunRequest, count: int, progress: Progress) -> Outcome:
    """The run of `request` and `count` - 1 repetitions of its training, in `seeds/<seed>/`.

    Each is trained under its own seed, measured on the same test records, and goes on where it was stopped; what
    is up to date is skipped. Writes `5-metrics/seeds.json` and puts the spread into the report. Raises
    MedAdaptError where only some stages are asked for, RecipeError where nothing is trained, RunFolderError where a
    repetition was trained on other records than the run holds now, what `run` raises, naming the seed, and
    StoppedError after a signal.
    """
    _refuse_parts(request)
    asked = dataclasses.replace(request, resume_with=_command(request, count), keep_older=True)
    main = run(asked, progress)
    metrics = _metrics(RunFolder(request.folder))
    measured = {request.recipe.seed: metrics}
    try:
        with locked(RunFolder(request.folder / FOLDER)), stop_signals(progress):
            for offset in range(1, count):
                seed = (request.recipe.seed + offset) % SEEDS
                measured[seed] = _repeat(asked, seed, progress)
            return _told(asked, main, measured, progress)
    except Interruption as problem:
        raise stopped(asked, problem) from problem


def _refuse_parts(request: RunRequest) -> None:
    if request.first or request.last:
        raise MedAdaptError(
            "--seeds repeats training and measuring of a whole run, but only some stages are asked for.",
            "--seeds without --from and --until",
            "Leave out --from and --until; stages that are up to date are skipped anyway.",
        )
    if request.recipe.training.epochs == 0:
        raise RecipeError(
            "--seeds repeats training, but training.epochs 0 trains nothing, so all seeds would be equal.",
            "training.epochs above 0",
            "Leave out --seeds, or give more epochs.",
        )


def _repeat(request: RunRequest, seed: int, progress: Progress) -> Metrics:
    """The metrics of the run under another training seed, in a folder of its own."""
    source = RunFolder(request.folder)
    target = RunFolder(source.path / FOLDER / str(seed))
    progress.note(f"Seed {seed}: {target.path}")
    recipe = _recipe_with(request.recipe, seed)
    if shares_with(target, source):
        if request.replace:  # settings that changed no record and no example may still be others
            restate_shared(source, target, recipe)
        heal_shared(source, target)
    elif target.state.is_file():
        if not request.replace:
            raise RunFolderError(
                f"{target.path} was trained on other records or examples than {source.path} holds now.",
                "repetitions on the records of the run",
                "Add --replace to train it again, or delete that folder.",
            )
        remove(target.path)
    make_sub_run(source, target, recipe, facts={existing.RECORDS_SEED: request.recipe.seed})
    repetition = dataclasses.replace(
        request, recipe=recipe, folder=target.path, first="train", last="score", keep_fresh=True
    )
    try:
        run(repetition, progress)
    except (StoppedError, RunBusyError):
        raise
    except MedAdaptError as problem:
        told = f"With seed {seed} ({target.path}): {problem.problem}"
        raise type(problem)(told, problem.expected, problem.remedy) from problem
    return _metrics(target)


def _recipe_with(recipe: Recipe, seed: int) -> Recipe:
    return recipe.model_copy(update={"seed": seed, "name": f"{recipe.name[:NAME_LENGTH]}-seed-{seed}"})


def _told(request: RunRequest, main: Outcome, measured: dict[int, Metrics], progress: Progress) -> Outcome:
    """Write seeds.json where it changed, and show it in the report where that shows another one."""
    from medadapt.metrics.seed_spread import seed_spread

    run_folder = RunFolder(request.folder)
    path, spread = run_folder.seeds, seed_spread(measured)
    if not path.is_file() or read_json(path) != spread:
        with locked(run_folder):
            write_json(path, spread)
            note_beside(run_folder, [path])
    state = read_state(run_folder)
    if state is not None and state.facts.get("seeds_shown") == sha256_file(path):
        return dataclasses.replace(main, seeds=spread)
    shown = run(dataclasses.replace(request, first="report", replace=True), progress)
    skipped = tuple(stage for stage in main.skipped if stage not in shown.ran)
    return dataclasses.replace(shown, ran=tuple(dict.fromkeys([*main.ran, *shown.ran])), skipped=skipped)


def _metrics(run_folder: RunFolder) -> Metrics:
    metrics: Metrics = read_json(run_folder.metrics / "metrics.json")
    return metrics


def _command(request: RunRequest, count: int) -> str:
    """What goes on with the run and its repetitions."""
    device = ["--device", request.device] if request.device != "auto" else []
    # With --replace the repetitions that are still of the recipe before are trained anew; finished ones are kept.
    flags = [flag for flag, given in (("--replace", request.replace), ("--gate", request.gate)) if given]
    return command("run", request.folder, "--seeds", count, *device, *flags)
