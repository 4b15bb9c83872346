"""One sitting of a search: which trials are left, what each one told, and the winner's measurement."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from medadapt.core.errors import RecipeError, RunFolderError
from medadapt.core.files import read_json, write_json
from medadapt.core.hashes import sha256_file
from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe, SearchSection, dump
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.core.search_space import recipe_with, value_at
from medadapt.workflow import outcome
from medadapt.workflow.existing import is_run, recipe_of_older_keys
from medadapt.workflow.lock import locked
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import Ran
from medadapt.workflow.search.book import SearchState, Trial, choose_winner, read_search, write_search
from medadapt.workflow.search.drawing import draw_trials
from medadapt.workflow.search.endings import (
    ended_trial,
    mark_interrupted,
    no_winner,
    refuse_disk_error,
)
from medadapt.workflow.search.folders import SearchFolder, make_trial, make_winner
from medadapt.workflow.search.room import Share
from medadapt.workflow.search.scratch import scratch_folder
from medadapt.workflow.search.trial_process import Terms, curve_of
from medadapt.workflow.signals import Stopping
from medadapt.workflow.stage_inputs import (
    CUT,
    PROTECTED,
    changed_inputs,
    differences,
    read_today,
    stage_inputs,
)
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state
from medadapt.workflow.sub_runs import remove

TRAIN = next(stage for stage in STAGES if stage.name == "train")
SMOKE_TRIALS = 3
NAME_LENGTH = 90
"""Of a recipe's name, so that a trial's number fits behind it."""


class SearchSession:
    """What a search does with its folder. Guards that memory and search.json say the same."""

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
        self.asked: list[str]
        """Names of the trials that the recipe asks for now."""
        self.state: SearchState
        self.recipes: dict[str, Recipe]
        """Trial -> its recipe; of all that are asked for and all that are in search.json."""

    def begin(self, prepared: Ran) -> None:
        """Take up the search that is in the folder, or begin a new one."""
        self._take_up(prepared)
        # Trials of an earlier session count, also where fewer are asked for now.
        names = [*self.asked, *(trial.id for trial in self.state.trials)]
        self.recipes = self._draw(1 + max(int(name) for name in names), repeats=self.state.repeats)

    def _take_up(self, prepared: Ran) -> None:
        fresh = SearchState(
            vary=self.section.vary,
            scheduler=self.section.scheduler,
            seed=self.request.recipe.seed,
            smoke=self.request.smoke,
            inputs=_inputs(self.request, prepared),
            asked={"trials": self.section.trials, "concurrent": self.section.concurrent},
        )
        found = read_search(self.folder.state)
        if found is not None:  # earlier versions also recorded how a step is cut
            recipe = self.request.recipe
            inputs = read_today(found.inputs, TRAIN.reads, written=dump(recipe), today=recipe)
            if inputs != found.inputs:
                found = dataclasses.replace(found, inputs=inputs)
                self._put(found)
        changed = _changes(found, fresh) if found else []
        if changed and not self.request.replace:
            raise RunFolderError(
                f"{self.folder.path} holds another search:\n" + "\n".join(f"  {line}" for line in changed),
                "the search that this folder was made by (only trials and concurrent may change)",
                "Choose another folder with -o, or add --replace to begin the search anew.",
            )
        taken_up = fresh if found is None or changed else found
        most = min(self.section.trials, SMOKE_TRIALS) if self.request.smoke else self.section.trials
        # Before anything is removed: values that make no recipe are refused here.
        self.asked = list(self._draw(most, repeats=taken_up.repeats))
        if found is None or changed:
            remove(self.folder.path / "trials", self.folder.winner.path)
            self._put(fresh)
            return
        kept = found.trials
        if self.request.replace:  # nothing changed: what failed is tried again, and what somebody deleted
            kept = tuple(
                trial
                for trial in kept
                if trial.status != "failed" and self.folder.trial(trial.id).state.is_file()
            )
            for trial in found.trials:
                if trial not in kept:
                    remove(self.folder.trial(trial.id).path)
        self.state = found
        renewed = dataclasses.replace(found, trials=kept, asked=fresh.asked)
        if found.winner not in {trial.id for trial in kept}:  # trained anew it may be another adapter
            renewed = dataclasses.replace(renewed, winner=None, reloaded=None)
        if renewed != found:
            self._put(renewed)

    def run_trials(self, stopping: Stopping) -> None:
        """Run what is left. A trial that was stopped early and would win is trained to its end first."""
        left = [name for name in self.asked if name not in {trial.id for trial in self.state.trials}]
        self._tune(left, self.section.scheduler, stopping)
        while (best := choose_winner(self.state.trials)) is not None and best.status == "stopped":
            self._tune([best.id], "none", stopping)

    def measure_winner(self) -> outcome.Outcome:
        """The best trial's adapter: loaded alone, then measured on the test records."""
        best = choose_winner(self.state.trials)
        if best is None:
            raise no_winner(self.folder, self.state.trials)
        winner = self.folder.winner
        recipe = self.recipes[best.id].model_copy(update={"name": self.request.recipe.name})
        recipe = recipe.model_copy(update={"evaluation": self.request.recipe.evaluation})
        if not self._holds_winner(best, recipe):
            self._remember_measured(best)
            make_winner(self.folder, best.id, recipe)
            self._reload(best, recipe)
        told = winner.path / "search.json"
        if not told.is_file() or read_json(told) != read_json(self.folder.state):
            write_json(told, read_json(self.folder.state))
        for trial in self.state.trials:
            remove(self.folder.trial(trial.id).adapter / "checkpoints")
        request = RunRequest(
            recipe=recipe,
            folder=winner.path,
            first="predict",
            smoke=self.request.smoke,
            device=self.share.device,
            resume_with=self.request.resume_command,
        )
        measured = outcome.run(request, self.progress)
        state = read_state(winner)
        if state is None or state.facts.get("search_shown") != sha256_file(told):
            again = dataclasses.replace(request, first="report", replace=True)
            measured = outcome.run(again, self.progress)
        return measured

    def _holds_winner(self, best: Trial, recipe: Recipe) -> bool:
        """Whether the winner's folder holds the best trial, loaded alone before, as a run of this recipe."""
        winner = self.folder.winner
        if self.state.winner != best.id or self.state.reloaded is None or not is_run(winner.path):
            return False
        return not (winner.recipe.is_file() and differences(read_recipe(winner.recipe), recipe, PROTECTED))

    def _remember_measured(self, best: Trial) -> None:
        """Write down that another winner, which goes now, has been measured on the test records."""
        winner = self.folder.winner
        told = winner.path / "search.json"
        if not (winner.metrics / "metrics.json").is_file() or not told.is_file():
            return
        before = read_json(told).get("winner")
        if before not in (None, best.id, *self.state.measured_before):
            measured = (*self.state.measured_before, before)
            self._put(dataclasses.replace(self.state, measured_before=measured))

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
        try:
            with scratch_folder() as scratch, stopping.gently():
                tune_trials(
                    names,
                    self._terms(scratch),
                    scratch=scratch,
                    scheduler=scheduler,
                    concurrent=self.section.concurrent,
                    share=self.share,
                    listeners=Listeners(evaluated=evaluated, ended=ended),
                    stopping=stopping,
                )
        finally:
            for name in names:
                mark_interrupted(self.folder.trial(name))
        self.progress.finish()
        refuse_disk_error(self.folder, names)

    def _terms(self, scratch: Path) -> Terms:
        shares_memory = self.share.device == "cpu"  # on GPUs each trial has one of its own
        return Terms(
            trials=str((self.folder.path / "trials").absolute()),
            working_folder=str(Path.cwd()),
            device=self.share.device,
            threads=self.share.threads,
            smoke=self.request.smoke,
            stop_file=str(scratch / "stop"),
            resume_with=self.request.resume_command,
            concurrent=self.section.concurrent if shares_memory else 1,
            cut={key: value_at(self.request.recipe, key) for key in CUT},
        )

    def _best_so_far(self) -> str:
        best = choose_winner(self.state.trials)
        return f", best {best.validation_loss:.4f} ({best.id})" if best else ""

    def _draw(self, most: int, *, repeats: bool) -> dict[str, Recipe]:
        """The recipes of the first `most` trials; there may be fewer."""
        drawn = draw_trials(self.section.vary, trials=most, seed=self.request.recipe.seed, repeats=repeats)
        return {f"{number:03d}": self._recipe(number, values) for number, values in enumerate(drawn)}

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


def renew_inputs(search: SearchFolder) -> None:
    """Let search.json say what it would say had the version that began the search known the keys of this one.

    Only as long as the run's recipe is as that version wrote it, so this comes before anything writes it anew.
    """
    if not search.state.is_file() or (recipe := recipe_of_older_keys(search.run)) is None:
        return
    written, today = recipe
    with locked(RunFolder(search.path)) as sign:
        found = read_search(search.state)
        assert found is not None
        inputs = read_today(found.inputs, TRAIN.reads, written=written, today=today)
        if inputs != found.inputs:
            sign()
            write_search(search.state, dataclasses.replace(found, inputs=inputs))


def _inputs(request: RunRequest, prepared: Ran) -> dict[str, str]:
    """All that every trial depends on -> its hash; what is varied is compared by itself."""
    before = {name: stage.output_hash or "" for name, stage in prepared.state.stages.items()}
    shared = {name: before[name] for name in ("prepare", "encode")}
    sources = TRAIN.sources(request.recipe) if TRAIN.sources and not request.smoke else {}
    return stage_inputs(TRAIN, request.recipe, before=shared, sources=sources, smoke=request.smoke)


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
