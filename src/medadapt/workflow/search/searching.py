"""A search from a recipe to the winner's report: trials judged on validation, one look at the test records."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from medadapt.core.errors import RecipeError
from medadapt.core.files import read_json, write_text
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe, SearchSection
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.run_folder import RunFolder
from medadapt.workflow import notes
from medadapt.workflow.existing import as_read_today
from medadapt.workflow.lock import locked
from medadapt.workflow.outcome import Outcome
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import Ran, run_stages, stopped
from medadapt.workflow.search.book import SearchState
from medadapt.workflow.search.folders import SearchFolder
from medadapt.workflow.search.local_ray import require_ray
from medadapt.workflow.search.resuming import search_command
from medadapt.workflow.search.room import share_of_machine
from medadapt.workflow.search.session import SearchSession, renew_inputs
from medadapt.workflow.signals import Interruption, stop_signals
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state, write_state


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """What a search leaves behind."""

    search: SearchState
    winner: Outcome
    """The winner measured on test, as `medadapt run` would have left it."""


def search(request: RunRequest, progress: Progress) -> SearchOutcome:
    """Try the settings that the recipe's `search` asks for, and measure the best one on test.

    Of `request` are read recipe, folder, smoke, replace and device. Trials that are done are not repeated, an
    interrupted one goes on from its checkpoint. Raises RecipeError where there is nothing to train or to
    judge by; what `run_stages` raises; DiskError where a trial has no room; DivergedError or the first error
    where every trial failed; StoppedError after a signal.
    """
    _refuse_no_training(request.recipe)
    _refuse_no_validation(request.recipe)
    require_ray()
    section = request.recipe.search or SearchSection()
    asked = dataclasses.replace(request, recipe=request.recipe.model_copy(update={"search": section}))
    asked = dataclasses.replace(asked, resume_with=search_command(asked))
    share = share_of_machine(asked.device, section.concurrent)
    folder = SearchFolder(RunFolder(asked.folder))
    try:
        renew_inputs(folder)
        prepared = run_stages(STAGES, dataclasses.replace(asked, last="encode", keep_older=True), progress)
        _refuse_empty_validation(prepared.run)
        if told := notes.seen_validation(read_json(prepared.run.records / "data.json")):
            progress.note(told)
        _remember(prepared, asked.recipe)
        asked = dataclasses.replace(asked, resume_with=search_command(asked))
        with locked(RunFolder(folder.path)) as sign, stop_signals(progress) as stopping:
            session = SearchSession(asked, section, folder, share, progress, sign)
            session.begin(prepared)
            session.run_trials(stopping)
            winner = session.measure_winner()
            return SearchOutcome(search=session.state, winner=winner)
    except Interruption as problem:
        raise stopped(asked, problem) from problem


def _refuse_no_training(recipe: Recipe) -> None:
    if recipe.training.epochs == 0:
        raise RecipeError(
            "A search compares trainings, but training.epochs 0 trains nothing, so all trials would be equal.",
            "training.epochs above 0",
            "Give more epochs, or measure model.adapter as it is with `medadapt run`.",
        )


def _refuse_no_validation(recipe: Recipe) -> None:
    if isinstance(recipe.data.source, str) and recipe.data.split.validation == 0:
        raise _no_validation("data.split.validation is 0")


def _refuse_empty_validation(run: RunFolder) -> None:
    if not (run.records / "validation.jsonl").stat().st_size:
        raise _no_validation(f"{run.records / 'validation.jsonl'} is empty")


def _no_validation(found: str) -> RecipeError:
    return RecipeError(
        f"A search judges its trials by the validation loss, but {found}.",
        "validation records; the test records must not be chosen by",
        "Give data.split.validation a share, for example 0.1 (and train or test that much less).",
    )


def _remember(prepared: Ran, asked: Recipe) -> None:
    """Put what is searched into the run's recipe, so that `medadapt search RUN` goes on with the same.

    The whole recipe, as the trials are trained by it; where the run itself was trained its own stays beside the search.
    """
    run, recorded = prepared.run, read_recipe(prepared.run.recipe)
    is_trained = "train" in prepared.state.stages
    wanted = recorded.model_copy(update={"search": asked.search}) if is_trained else asked
    if recorded != wanted:
        with locked(run):
            state = read_state(run)
            # The recipe gets the keys of this version, so what was recorded of it must, too.
            if state is not None and (renewed := as_read_today(run, state, STAGES)) != state:
                write_state(run, renewed)
            write_text(run.recipe, recipe_text(wanted))
