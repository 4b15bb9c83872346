"""Whole searches under Ray Tune, on tiny random bases."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from safetensors.torch import load_file, save_file

from medadapt.core.errors import DivergedError, MedAdaptError, RecipeError, RunFolderError, StoppedError
from medadapt.core.files import read_json, write_json
from medadapt.core.progress import Silent
from medadapt.core.recipe import ModelSection, Recipe
from medadapt.core.recipe_reading import read_recipe, recipe_from
from medadapt.core.run_folder import RunFolder
from medadapt.models.smoke_base import write_smoke_base
from medadapt.workflow.locating import locate
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.search.local_ray import require_ray
from medadapt.workflow.search.searching import SearchOutcome, search
from medadapt.workflow.search.trial_process import train_trial
from medadapt.workflow.signals import Interruption, Stopping
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state
from older_runs import EARLIER, as_prepared_before, without_key

GOOD, TOO_HIGH = 3.0e-3, 3.0e9
RATES = {"training.learning_rate": [GOOD, TOO_HIGH]}
"""By the seed the first trial gets the rate that is too high."""
SERVERS = {"gcs_server", "raylet"}
"""Of Ray: what they are sent they run."""


def smoke_recipe(**sections: object) -> Recipe:
    values = {
        "name": "tiny",
        "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
        "model": {"base": "facebook/opt-1.3b"},
    }
    return recipe_from({**values, **sections}, where="test")


def request(folder: Path, recipe: Recipe, **asked: object) -> RunRequest:
    return RunRequest(recipe=recipe, folder=folder, smoke=True, device="cpu", **asked)


class Neighbours(Silent):
    """Progress that looks, while trials run, at which addresses this process and its children listen.

    It looks, too, at what would handle a SIGTERM, and at the variables that the servers of Ray got.
    """

    def __init__(self) -> None:
        self.listening: set[str] = set()
        self.handlers: set[object] = set()
        self.variables: dict[str, dict[str, str]] = {}

    def advance(self, _steps: int = 1, figures: str = "") -> None:
        if figures.startswith("trial"):
            self.handlers.add(getattr(signal.getsignal(signal.SIGTERM), "__func__", None))
            us = psutil.Process()
            for process in [us, *us.children(recursive=True)]:
                found = process.net_connections("inet")
                self.listening |= {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN}
                if process.name() in SERVERS:
                    self.variables[process.name()] = process.environ()


@dataclasses.dataclass(frozen=True)
class Searched:
    folder: Path
    done: SearchOutcome
    watch: Neighbours


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    """A search of two trials, of which one diverges, called where Ray asks for no password otherwise."""
    folder, watch = tmp_path_factory.mktemp("searched") / "run", Neighbours()
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        return Searched(folder, search(request(folder, recipe), watch), watch)


def test_a_failed_trial_does_not_end_the_search(searched: Searched):
    by_rate = {trial.values["training.learning_rate"]: trial for trial in searched.done.search.trials}

    assert by_rate[TOO_HIGH].status == "failed"
    assert by_rate[TOO_HIGH].error.startswith("Training diverged")
    assert by_rate[GOOD].status == "done"
    assert searched.done.search.winner == by_rate[GOOD].id


def test_the_winner_loaded_alone_gives_the_figure_it_won_with(searched: Searched):
    state = searched.done.search
    winner = next(trial for trial in state.trials if trial.id == state.winner)

    assert state.reloaded["validation_loss"] == pytest.approx(winner.validation_loss, abs=1e-6)
    assert state.reloaded["difference"] == pytest.approx(0, abs=1e-6)


def test_only_the_winner_is_measured_on_the_test_records(searched: Searched):
    run = RunFolder(searched.folder)

    assert [path.parent.name for path in run.path.rglob("4-predictions")] == ["winner"]
    assert searched.done.winner.metrics["n"] == sum(1 for _ in (run.records / "test.jsonl").open())
    assert searched.done.winner.folder == run.path / "search" / "winner"
    assert searched.done.winner.exit_code == 0


def test_every_run_of_a_search_goes_on_with_the_search(searched: Searched):
    places = ("run.json", "search/trials/000/run.json", "search/winner/run.json")

    commands = {read_json(searched.folder / place)["resume"] for place in places}

    assert commands == {f"medadapt search {searched.folder} --device cpu"}


def test_the_winner_of_a_smoke_search_is_shown_with_the_name_of_the_real_base(searched: Searched):
    assert searched.done.winner.metrics["protocol"]["base"] == "facebook/opt-1.3b (tiny random stand-in)"


def test_the_report_of_the_winner_shows_the_search(searched: Searched):
    winner = searched.folder / "search" / "winner"

    assert read_json(winner / "search.json") == read_json(searched.folder / "search" / "search.json")
    assert "validation" in (winner / "6-report" / "index.html").read_text()


def test_ray_is_reachable_from_this_machine_alone(searched: Searched):
    assert searched.watch.listening
    assert searched.watch.listening <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_ray_runs_nothing_without_our_password_and_reports_to_nobody(searched: Searched):
    assert searched.watch.variables.keys() == SERVERS
    for variables in searched.watch.variables.values():
        assert (variables["RAY_AUTH_MODE"], variables["RAY_USAGE_STATS_ENABLED"]) == ("token", "0")
        assert len(variables["RAY_AUTH_TOKEN"]) >= 32


def test_sigterm_is_heard_by_the_search_while_ray_runs(searched: Searched):
    assert searched.watch.handlers == {Stopping.receive}


def test_nothing_of_ray_is_left(searched: Searched):
    left = {path.suffix for path in searched.folder.rglob("*") if path.is_file()}

    assert not left & {".pkl", ".pickle", ".pt", ".pth", ".bin"}
    assert not [p for p in psutil.Process().children(recursive=True) if "ray" in p.name()]


def test_checkpoints_of_finished_trials_do_not_fill_the_disk(searched: Searched):
    assert not list(searched.folder.rglob("checkpoints"))


def test_a_second_call_repeats_nothing(searched: Searched, monkeypatch: pytest.MonkeyPatch):
    before = {path: path.stat().st_mtime_ns for path in searched.folder.rglob("*") if path.is_file()}
    monkeypatch.setenv("PATH", "")  # Ray could not even start
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})

    again = search(request(searched.folder, recipe), Silent())

    assert again.winner.ran == ()
    assert again.search == searched.done.search
    assert {path: path.stat().st_mtime_ns for path in searched.folder.rglob("*") if path.is_file()} == before


def test_fewer_trials_than_before_change_nothing(searched: Searched, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")  # Ray could not even start
    assert searched.done.search.winner == "001"  # beyond what is asked for now

    again = search(request(searched.folder, smoke_recipe(search={"trials": 1, "vary": RATES})), Silent())

    assert again.search.trials == searched.done.search.trials
    assert again.search.winner == "001"
    assert again.winner.metrics["tuned"] == searched.done.winner.metrics["tuned"]


def test_another_search_in_the_same_folder_is_refused(searched: Searched):
    recipe = smoke_recipe(search={"trials": 2, "vary": {"lora.rank": [2, 4]}})

    with pytest.raises(RunFolderError, match=r"search\.vary: .*learning_rate.* -> .*lora\.rank"):
        search(request(searched.folder, recipe), Silent())


def test_a_damaged_winner_is_made_again_from_its_trial(searched: Searched, tmp_path: Path):
    shutil.copytree(searched.folder, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "search" / "winner")
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})

    again = search(request(tmp_path / "run", recipe), Silent())

    assert again.winner.ran == ("predict", "score", "report")
    assert again.winner.metrics["tuned"] == searched.done.winner.metrics["tuned"]


@pytest.fixture
def tried_here(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trials run in this process, without Ray; their names as they are tried."""
    from medadapt.workflow.search import tuning

    tried: list[str] = []

    def in_this_process(names, terms, *, listeners, **_):
        for name in names:
            tried.append(name)
            train_trial(
                name, terms, lambda row, name=name: listeners.evaluated(name, row["step"], row["loss"])
            )
            listeners.ended(name, False)

    monkeypatch.setattr(tuning, "tune_trials", in_this_process)
    return tried


def test_a_second_winner_says_that_the_first_was_measured_too(own_run: RunFolder, tried_here: list[str]):
    vary = {"training.learning_rate": [3.0e-3, 1.0e-5]}  # by the seed the lower one is tried first
    evaluation = {"bootstrap_samples": 100, "few_shot": 0, "forgetting": "off"}
    winners = []
    for trials in (1, 2):
        recipe = smoke_recipe(evaluation=evaluation, search={"trials": trials, "vary": vary})
        winners.append(search(request(own_run.path, recipe), Silent()).search.winner)

    assert winners == ["000", "001"]
    assert read_json(own_run.path / "search" / "search.json")["measured_before"] == ["000"]
    for name in ("index.html", "README.md"):
        told = (own_run.path / "search" / "winner" / "6-report" / name).read_text()
        assert "2 winners, one after another as trials were added (000, 001), were measured on test" in told
        assert "measured on test, once" not in told


def test_a_winning_trial_that_was_deleted_and_trained_again_is_the_winner_anew(
    searched: Searched, tmp_path: Path, tried_here: list[str]
):
    folder = Path(shutil.copytree(searched.folder, tmp_path / "run")) / "search"
    shutil.rmtree(folder / "trials" / "001")
    weights = "3-adapter/adapter_model.safetensors"
    old = folder / "winner" / weights
    save_file({name: 2 * one for name, one in load_file(old).items()}, old, metadata={"format": "pt"})
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})

    again = search(request(tmp_path / "run", recipe, replace=True), Silent())

    assert "001" in tried_here
    assert again.search.winner == "001"
    assert old.read_bytes() == (folder / "trials" / "001" / weights).read_bytes()


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_a_search_of_an_earlier_version_goes_on_with_its_trials(
    searched: Searched, tmp_path: Path, tried_here: list[str]
):
    folder = Path(shutil.copytree(searched.folder, tmp_path / "run"))
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})
    search(request(folder, recipe), Silent())  # whatever number of trials another test asked for
    as_prepared_before(folder)
    made = [path for path in folder.rglob("*") if path.is_file()]
    before, notes = {path: path.read_bytes() for path in made}, Notes()

    again = search(request(folder, recipe), notes)

    assert tried_here == []
    assert again.search.trials == searched.done.search.trials
    assert again.winner.ran == ()
    assert {path: path.read_bytes() for path in made} == before
    assert notes.lines[0] == (
        "1-records is of an earlier version of MedAdapt and stays as it is, because search/trials/001/3-adapter was "
        f"trained on it. To begin anew with this version, run `medadapt prepare {folder} --replace` first."
    )


def test_what_failed_in_a_search_of_an_earlier_version_is_tried_again_without_the_rest(
    searched: Searched, tmp_path: Path, tried_here: list[str]
):
    folder = Path(shutil.copytree(searched.folder, tmp_path / "run"))
    as_prepared_before(folder)
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})

    again = search(request(folder, recipe, replace=True), Silent())

    assert tried_here == ["000"]
    assert again.search.winner == "001"
    assert again.winner.metrics["tuned"] == searched.done.winner.metrics["tuned"]


@pytest.mark.parametrize("trials", [2, 1])  # another number makes the search write the run's recipe anew
def test_a_key_that_came_with_a_new_version_makes_no_search_another(
    trials: int, searched: Searched, tmp_path: Path, tried_here: list[str]
):
    folder = Path(shutil.copytree(searched.folder, tmp_path / "run"))
    without_key(folder, "training", "warmup")
    recipe = smoke_recipe(search={"trials": trials, "vary": RATES})

    done = [search(request(folder, recipe), Silent()) for _ in range(2)]

    assert tried_here == []
    assert [again.search.trials for again in done] == [searched.done.search.trials] * 2
    assert done[0].winner.metrics["tuned"] == searched.done.winner.metrics["tuned"]
    assert done[1].winner.ran == ()


def test_records_of_an_earlier_version_that_nothing_was_trained_on_are_made_anew(
    own_run: RunFolder, tried_here: list[str]
):
    as_prepared_before(own_run.path)

    search(request(own_run.path, smoke_recipe(search={"trials": 1, "vary": {"lora.rank": [2]}})), Silent())

    assert tried_here == ["000"]
    assert read_json(own_run.state)["stages"]["prepare"]["inputs"]["version"] != EARLIER
    assert "alike_labels" in read_json(own_run.records / "data.json")


def test_a_report_of_the_winner_that_was_not_renewed_to_its_end_is_renewed_with_the_next_call(
    searched: Searched, tmp_path: Path
):
    shutil.copytree(searched.folder, tmp_path / "run")
    winner = RunFolder(tmp_path / "run" / "search" / "winner")
    write_json(winner.state, read_json(winner.state) | {"search_shown": "what the page shows"})
    recipe = smoke_recipe(search={"trials": 2, "vary": RATES})

    calls = [search(request(tmp_path / "run", recipe), Silent()).winner.ran for _ in range(2)]

    assert calls == [("report",), ()]


def test_a_setting_that_changes_no_example_does_not_bar_the_winner(
    searched: Searched, tmp_path: Path, tried_here: list[str]
):
    run = RunFolder(Path(shutil.copytree(searched.folder, tmp_path / "run")))
    length = read_json(run.examples / "examples.json")["plan"]["max_length"]  # what `auto` came to
    recipe = smoke_recipe(examples={"max_length": length}, search={"trials": 2, "vary": RATES})

    again = search(request(run.path, recipe, replace=True), Silent())

    assert "001" not in tried_here  # the winner is the trial that it was
    assert again.winner.metrics["tuned"] == searched.done.winner.metrics["tuned"]
    assert read_recipe(run.path / "search" / "winner" / "recipe.yaml").examples.max_length == length


def test_the_command_that_goes_on_asks_for_the_search_that_was_begun_on_a_trained_run(
    own_run: RunFolder, tried_here: list[str], monkeypatch: pytest.MonkeyPatch
):
    from medadapt.workflow.search import tuning

    run_stages(STAGES, request(own_run.path, smoke_recipe(), last="train"), Silent())
    weights = (own_run.adapter / "adapter_model.safetensors").read_bytes()
    in_this_process = tuning.tune_trials

    def until_interrupted(names, *given, **more):
        in_this_process(names[:1], *given, **more)
        raise Interruption(signal.SIGINT)

    monkeypatch.setattr(tuning, "tune_trials", until_interrupted)
    other = {"training": {"epochs": 5}, "evaluation": {"bootstrap_samples": 100}}
    recipe = smoke_recipe(search={"trials": 2, "vary": {"lora.rank": [2, 4]}}, **other)
    with pytest.raises(StoppedError) as stopped:
        search(request(own_run.path, recipe, replace=True), Silent())
    monkeypatch.setattr(tuning, "tune_trials", in_this_process)

    _, told, _ = stopped.value.remedy.split("`")
    words = shlex.split(told)
    assert words[:3] == ["medadapt", "search", str(own_run.path)]
    settings = [word for before, word in pairwise(words) if before == "--set"]
    assert settings == ["training.epochs=5.0", "evaluation.bootstrap_samples=100"]
    found = locate(words[2], output=None, overrides=settings)
    done = search(request(found.folder, found.recipe, replace="--replace" in words), Silent())

    assert [trial.id for trial in done.search.trials] == tried_here == ["000", "001"]
    assert (own_run.adapter / "adapter_model.safetensors").read_bytes() == weights


def test_a_trial_whose_process_fell_to_the_signal_goes_on_with_the_next_call(
    own_run: RunFolder, tried_here: list[str], monkeypatch: pytest.MonkeyPatch
):
    from medadapt.workflow.search import tuning

    in_this_process = tuning.tune_trials
    trial = RunFolder(own_run.path / "search" / "trials" / "000")

    def until_terminated(names, _terms, *, listeners, stopping, **_):
        state = read_json(trial.state)
        state["stages"]["train"] = {**state["stages"]["encode"], "status": "running"}
        write_json(trial.state, {**state, "status": "running"})
        os.kill(os.getpid(), signal.SIGTERM)
        listeners.evaluated(names[0], 1, 2.0)
        listeners.ended(names[0], True)

    monkeypatch.setattr(tuning, "tune_trials", until_terminated)
    recipe = smoke_recipe(search={"trials": 1, "vary": {"lora.rank": [2]}})
    with pytest.raises(StoppedError) as stopped:
        search(request(own_run.path, recipe), Silent())
    left = read_state(trial).stages["train"].status
    monkeypatch.setattr(tuning, "tune_trials", in_this_process)

    done = search(request(own_run.path, recipe), Silent())

    assert (stopped.value.signal_number, left) == (signal.SIGTERM, "interrupted")
    assert tried_here == ["000"]
    assert [one.status for one in done.search.trials] == ["done"]


def test_without_validation_records_there_is_nothing_to_judge_by(tmp_path: Path):
    split = {"train": 0.8, "validation": 0, "test": 0.2}
    data = {"format": "symptom_table", "source": "sample:rows/symptoms", "split": split}

    with pytest.raises(
        RecipeError, match=r"judges its trials by the validation loss.*split\.validation is 0"
    ):
        search(request(tmp_path / "run", smoke_recipe(data=data)), Silent())

    assert not (tmp_path / "run").exists()


def test_validation_records_that_stand_in_train_are_told_before_any_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from medadapt.workflow.search import tuning

    told = []

    class ReachedError(Exception):
        pass

    def reach(*_: object, **__: object) -> None:
        raise ReachedError

    class Notes(Silent):
        def note(self, text: str) -> None:
            told.append(text)

    monkeypatch.setattr(tuning, "tune_trials", reach)
    questions = {"train": "abcdef", "validation": "fg", "test": "hi"}
    for split, letters in questions.items():
        rows = [{"question": f"What is {letter * 9}?", "answer": f"{letter}."} for letter in letters]
        (tmp_path / f"{split}.json").write_text(json.dumps(rows))
    source = {split: str(tmp_path / f"{split}.json") for split in questions}
    recipe = smoke_recipe(data={"format": "question_answer", "source": source}, search={"trials": 1})

    with pytest.raises(ReachedError):
        search(request(tmp_path / "run", recipe), Notes())

    said = "validation: 1 exact, 1 near copies of training records (of 2)"
    assert any(line.startswith(said) for line in told)


def test_where_nothing_is_trained_there_is_nothing_to_compare(tmp_path: Path):
    recipe = smoke_recipe(
        model={"base": "facebook/opt-1.3b", "adapter": "some/adapter"}, training={"epochs": 0}
    )

    with pytest.raises(RecipeError, match=r"training\.epochs 0 trains nothing"):
        search(dataclasses.replace(request(tmp_path / "run", recipe), smoke=False), Silent())

    assert not (tmp_path / "run").exists()


def test_a_missing_ray_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "ray.tune", None)

    with pytest.raises(MedAdaptError, match=r"pip install 'medadapt\[search\]'"):
        require_ray()


def test_a_stopped_trial_that_would_win_is_trained_to_its_end_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from medadapt.workflow.search import tuning

    asked = []

    def in_this_process(names, terms, *, scheduler, listeners, **_):
        asked.append((list(names), scheduler))
        for name in names:
            last = 2 if scheduler == "asha" else 4

            def report(row, name=name, last=last):
                listeners.evaluated(name, row["step"], row["loss"])
                if row["step"] == last and last < 4:
                    raise SystemExit

            train_trial(name, terms, report)
            listeners.ended(name, False)

    monkeypatch.setattr(tuning, "tune_trials", in_this_process)
    recipe = smoke_recipe(search={"trials": 1, "scheduler": "asha"})

    done = search(request(tmp_path / "run", recipe), Silent())

    assert asked == [(["000"], "asha"), (["000"], "none")]
    (trial,) = done.search.trials
    assert (trial.status, trial.steps, [step for step, _ in trial.curve]) == ("done", 4, [1, 2, 3, 4])


@pytest.mark.slow
def test_where_every_trial_diverges_so_does_the_search(tmp_path: Path):
    recipe = smoke_recipe(search={"trials": 1, "vary": {"training.learning_rate": [1.0e9]}})

    with pytest.raises(DivergedError, match="All 1 trials failed"):
        search(request(tmp_path / "run", recipe), Silent())

    assert read_json(tmp_path / "run" / "search" / "search.json")["trials"][0]["status"] == "failed"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("send", "number", "exit_code"),
    [(os.kill, signal.SIGINT, 130), (os.killpg, signal.SIGTERM, 143), (os.killpg, signal.SIGHUP, 129)],
)
def test_an_interrupted_search_goes_on_where_it_was(send, number: int, exit_code: int, tmp_path: Path):
    write_smoke_base(ModelSection(base="facebook/opt-1.3b"), tmp_path / "base", seed=0)
    (tmp_path / "r.yaml").write_text(
        "name: s\ndata: {format: symptom_table, source: 'sample:rows/symptoms'}\nmodel: {base: base}\n"
        "training: {epochs: 100, eval_every: 20, save_every: 20}\n"
        "search: {trials: 2, vary: {training.learning_rate: [1.0e-3, 1.0e-4]}}\n"
    )
    words = [sys.executable, "-m", "medadapt", "search", "r.yaml", "-o", "run", "--json"]
    first = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    steps = tmp_path / "run/search/trials/001/3-adapter/steps.jsonl"
    deadline = time.monotonic() + 300
    while not (steps.is_file() and steps.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.2)
    rays = psutil.Process(first.pid).children(recursive=True)
    send(first.pid, number)
    code = first.wait(timeout=120)
    left = read_json(tmp_path / "run/search/search.json")
    interrupted = read_json(tmp_path / "run/search/trials/001/run.json")["status"]
    finished = tmp_path / "run/search/trials/000/3-adapter/adapter_model.safetensors"
    before = finished.stat().st_mtime_ns
    psutil.wait_procs(rays, timeout=30)

    second = subprocess.run(
        [*words[:4], "run", "--json"], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )

    assert (code, interrupted) == (exit_code, "interrupted")
    assert [trial["id"] for trial in left["trials"]] == ["000"]
    assert not [process for process in rays if process.is_running()]
    assert second.returncode in (0, 3), second.stderr
    assert finished.stat().st_mtime_ns == before
    trials = read_json(tmp_path / "run/search/search.json")["trials"]
    assert [(trial["id"], trial["status"]) for trial in trials] == [("000", "done"), ("001", "done")]


@pytest.mark.slow
def test_asha_stops_what_is_clearly_worse_and_never_the_best(tmp_path: Path):
    write_smoke_base(ModelSection(base="facebook/opt-1.3b"), tmp_path / "base", seed=0)
    recipe = smoke_recipe(
        model={"base": str(tmp_path / "base")},
        training={"epochs": 20, "eval_every": 5},
        search={
            "trials": 3, "scheduler": "asha",
            "vary": {"training.learning_rate": [1.0e-2, 1.0e-5, 1.0e-6]},
        },
    )  # fmt: skip

    done = search(RunRequest(recipe=recipe, folder=tmp_path / "run", device="cpu"), Silent())

    status = {trial.id: trial.status for trial in done.search.trials}
    assert status[done.search.winner] == "done"
    best = min(done.search.trials, key=lambda trial: trial.validation_loss)
    assert best.id == done.search.winner
