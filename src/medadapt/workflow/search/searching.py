"""A search from a recipe to the winner's report: trials judged on validation, one look at the test records."""

from __future__ import annotations

import dataclasses
import shlex
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medadapt.core.errors import RecipeError, RunFolderError, StoppedError
from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe, SearchSection
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.recipe_writing import recipe_text
from medadapt.core.run_folder import RunFolder
from medadapt.core.search_space import recipe_with, value_at
from medadapt.workflow import outcome
from medadapt.workflow.existing import is_run
from medadapt.workflow.lock import locked
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import Ran, run_stages
from medadapt.workflow.search.book import SearchState, Trial, choose_winner, read_search, write_search
from medadapt.workflow.search.drawing import draw_trials
from medadapt.workflow.search.endings import (
    ended_trial,
    mark_interrupted,
    no_winner,
    refuse_disk_error,
)
from medadapt.workflow.search.folders import SearchFolder, make_trial, make_winner, remove
from medadapt.workflow.search.local_ray import require_ray
from medadapt.workflow.search.room import Share, share_of_machine
from medadapt.workflow.search.trial_process import Terms, curve_of
from medadapt.workflow.signals import Interruption, Stopping, stop_signals
from medadapt.workflow.stage_inputs import changed_inputs, stage_inputs
from medadapt.workflow.stages import STAGES

SMOKE_TRIALS = 3
NAME_LENGTH = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOutcome:
    """What a search leaves behind."""

    search: SearchState
    winner: outcome.Outcome
    """The winner measured on test, as `medadapt run` would have left it."""


def search(request: RunRequest, progress: Progress) -> SearchOutcome:
    """Try the settings that the recipe's `search` asks for, and measure the best one on test.

    Of `request` are read recipe, folder, smoke, replace and device. Trials that are done are not repeated, an
    interrupted one goes on from its checkpoint. Raises what `run_stages` raises; DiskError where a trial has
    no room; DivergedError or the first error where every trial failed; StoppedError after a signal.
    """
    _refuse_no_validation(request.recipe)
    require_ray()
    section = request.recipe.search or SearchSection()
    asked = dataclasses.replace(request, recipe=request.recipe.model_copy(update={"search": section}))
    share = share_of_machine(asked.device, section.concurrent)
    try:
        prepared = run_stages(STAGES, dataclasses.replace(asked, last="encode"), progress)
        _refuse_empty_validation(prepared.run)
        _remember(prepared.run, section)
        folder = SearchFolder(prepared.run)
        with locked(RunFolder(folder.path)) as sign, stop_signals(progress) as stopping:
            work = _Search(asked, section, folder, share, progress, sign)
            work.begin(prepared)
            work.run_trials(stopping)
            return work.measure_winner()
    except (Interruption, StoppedError) as problem:
        raise _stopped(asked, problem.signal_number) from problem


class _Search:
    """One session of a search. Guards that memory and search.json say the same."""

    def __init__(
        self,
        request: RunRequest,
        section: SearchSection,
        folder: SearchFolder,
        share: Share,
        progress: Progress,
        sign: Callable[[], None],
    ) -> None:
        self.request, self.section, self.folder, self.share = request, section, folder, share
        self.progress, self.sign = progress, sign
        most = min(section.trials, SMOKE_TRIALS) if request.smoke else section.trials
        drawn = draw_trials(section.vary, trials=most, seed=request.recipe.seed)
        self.recipes = {f"{number:03d}": self._recipe(number, values) for number, values in enumerate(drawn)}
        self.state: SearchState

    def begin(self, prepared: Ran) -> None:
        """Take up the search that is in the folder, or begin a new one."""
        fresh = SearchState(
            vary=self.section.vary,
            scheduler=self.section.scheduler,
            seed=self.request.recipe.seed,
            smoke=self.request.smoke,
            inputs=_inputs(self.request, prepared),
            asked={"trials": self.section.trials, "concurrent": self.section.concurrent},
        )
        found = read_search(self.folder.state)
        changed = _changes(found, fresh) if found else []
        if changed and not self.request.replace:
            raise RunFolderError(
                f"{self.folder.path} holds another search:\n" + "\n".join(f"  {line}" for line in changed),
                "the search that this folder was made by (only trials and concurrent may change)",
                "Choose another folder with -o, or add --replace to begin the search anew.",
            )
        if found is None or changed:
            remove(self.folder.path / "trials")
            remove(self.folder.winner.path)
            self._put(fresh)
            return
        kept = found.trials
        if self.request.replace:  # nothing changed: what failed is tried again
            kept = tuple(trial for trial in kept if trial.status != "failed")
            for trial in found.trials:
                if trial.status == "failed":
                    remove(self.folder.trial(trial.id).path)
        self.state = found
        renewed = dataclasses.replace(found, trials=kept, asked=fresh.asked)
        if renewed != found:
            self._put(renewed)

    def run_trials(self, stopping: Stopping) -> None:
        """Run what is left. A trial that was stopped early and would win is trained to its end first."""
        left = [name for name in self.recipes if name not in {trial.id for trial in self.state.trials}]
        self._tune(left, self.section.scheduler, stopping)
        while (best := choose_winner(self.state.trials)) is not None and best.status == "stopped":
            self._tune([best.id], "none", stopping)

    def measure_winner(self) -> SearchOutcome:
        """The best trial's adapter: loaded alone, then measured on the test records."""
        best = choose_winner(self.state.trials)
        if best is None:
            raise no_winner(self.folder, self.state.trials)
        winner = self.folder.winner
        recipe = self.recipes[best.id].model_copy(update={"name": self.request.recipe.name})
        recipe = recipe.model_copy(update={"evaluation": self.request.recipe.evaluation})
        if self.state.winner != best.id or self.state.reloaded is None or not is_run(winner.path):
            make_winner(self.folder, best.id, recipe)
            self._reload(best, recipe)
        told = winner.path / "search.json"
        page_is_old = not told.is_file() or read_json(told) != read_json(self.folder.state)
        if page_is_old:
            write_json(told, read_json(self.folder.state))
        for name in self.recipes:
            remove(self.folder.trial(name).adapter / "checkpoints")
        request = RunRequest(
            recipe=recipe,
            folder=winner.path,
            first="predict",
            smoke=self.request.smoke,
            device=self.share.device,
        )
        measured = outcome.run(request, self.progress)
        if page_is_old and "report" not in measured.ran:
            again = dataclasses.replace(request, first="report", replace=True)
            measured = outcome.run(again, self.progress)
        return SearchOutcome(search=self.state, winner=measured)

    def _reload(self, best: Trial, recipe: Recipe) -> None:
        from medadapt.workflow.search.winner import reloaded_loss

        loss = reloaded_loss(recipe, self.folder.winner, best, share=self.share, smoke=self.request.smoke)
        assert best.validation_loss is not None  # a trial without a figure never wins
        reloaded = {"validation_loss": loss, "difference": loss - best.validation_loss}
        self._put(dataclasses.replace(self.state, winner=best.id, reloaded=reloaded))
        self.progress.note(f"Trial {best.id} won; loaded alone it has the same validation loss, {loss:.4f}.")

    def _tune(self, names: list[str], scheduler: str, stopping: Stopping) -> None:
        if not names:
            return
        self.sign()
        from medadapt.workflow.search.tuning import Listeners, tune_trials

        for name in names:
            make_trial(self.folder, name, self.recipes[name])
        curves = {name: curve_of(self.folder.trial(name)) for name in names}
        before, began = self.state.seconds, time.monotonic()

        def evaluated(name: str, step: int, loss: float) -> None:
            curves[name][step] = loss
            self.progress.advance(0, f"trial {name} step {step}: {loss:.4f}{self._best_so_far()}")

        def ended(name: str, died: bool) -> None:
            trial = ended_trial(
                self.folder.trial(name),
                self._values(name),
                curves[name],
                stopped_by_us=stopping.signal_number is not None,
                died=died,
            )
            seconds = before + time.monotonic() - began
            if trial is not None:
                self._put(dataclasses.replace(self.state.with_trial(trial), seconds=seconds))
                self.progress.advance(1, self._best_so_far().removeprefix(", "))
                self.progress.note(_told(trial))

        self.progress.start("Trials", len(names))
        with tempfile.TemporaryDirectory(prefix="medadapt-") as room, stopping.gently():
            tune_trials(
                names,
                self._terms(Path(room)),
                scheduler=scheduler,
                concurrent=self.section.concurrent,
                share=self.share,
                listeners=Listeners(evaluated=evaluated, ended=ended),
                stopping=stopping,
            )
        self.progress.finish()
        for name in names:
            mark_interrupted(self.folder.trial(name))
        refuse_disk_error(self.folder, names)

    def _terms(self, room: Path) -> Terms:
        return Terms(
            trials=str((self.folder.path / "trials").absolute()),
            working_folder=str(Path.cwd()),
            device=self.share.device,
            threads=self.share.threads,
            smoke=self.request.smoke,
            stop_file=str(room / "stop"),
        )

    def _best_so_far(self) -> str:
        best = choose_winner(self.state.trials)
        return f", best {best.validation_loss:.4f} ({best.id})" if best else ""

    def _recipe(self, number: int, values: dict[str, Any]) -> Recipe:
        recipe = self.request.recipe
        try:
            tried = recipe_with(recipe, values)
        except ValidationError as problem:
            told = "; ".join(str(error["msg"]) for error in problem.errors(include_url=False))
            raise RecipeError(
                f"Trial {number:03d} of the search, {values}, is no valid recipe: {told}.",
                "ranges and lists under search.vary whose values go together",
                "Change search.vary.",
            ) from None
        return tried.model_copy(update={"name": f"{recipe.name[:NAME_LENGTH]}-{number:03d}"})

    def _values(self, name: str) -> dict[str, Any]:
        return {key: value_at(self.recipes[name], key) for key in self.section.vary}

    def _put(self, state: SearchState) -> None:
        self.sign()
        self.state = state
        write_search(self.folder.state, state)


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


def _remember(run: RunFolder, section: SearchSection) -> None:
    """Put the search into the run's recipe, so that `medadapt search RUN` goes on with the same one."""
    recorded = read_recipe(run.recipe)
    if recorded.search != section:
        write_text(run.recipe, recipe_text(recorded.model_copy(update={"search": section})))


def _inputs(request: RunRequest, prepared: Ran) -> dict[str, str]:
    """All that every trial depends on -> its hash; what is varied is compared by itself."""
    train = next(stage for stage in STAGES if stage.name == "train")
    before = {name: stage.output_hash or "" for name, stage in prepared.state.stages.items()}
    shared = {name: before[name] for name in ("prepare", "encode")}
    sources = train.sources(request.recipe) if train.sources and not request.smoke else {}
    return stage_inputs(train, request.recipe, before=shared, sources=sources, smoke=request.smoke)


def _changes(old: SearchState, new: SearchState) -> list[str]:
    """Where two searches differ, a line each."""
    lines = [
        f"search.{name}: {getattr(old, name)} -> {getattr(new, name)}"
        for name in ("vary", "scheduler")
        if getattr(old, name) != getattr(new, name)
    ]
    return lines + [f"{name} changed" for name in changed_inputs(old.inputs, new.inputs)]


def _told(trial: Trial) -> str:
    values = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in trial.values.items())
    if trial.status == "failed":
        return f"Trial {trial.id} ({values}) failed: {trial.error}"
    how = " (stopped early)" if trial.status == "stopped" else ""
    return f"Trial {trial.id} ({values}): validation loss {trial.validation_loss:.4f}{how}"


def _stopped(request: RunRequest, signal_number: int) -> StoppedError:
    words = ["medadapt", "search", str(request.folder)]
    words += ["--device", request.device] if request.device != "auto" else []
    return StoppedError(
        f"Stopped by {signal.Signals(signal_number).name}. What was done is saved.",
        remedy=f"`{shlex.join(words)}` goes on.",
        signal_number=int(signal_number),
    )
