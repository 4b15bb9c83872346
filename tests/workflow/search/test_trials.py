"""Trials without Ray: their folders, what their process does, and how they end."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from transformers import T5Config

from medadapt.core.adapter_folder import WEIGHTS
from medadapt.core.errors import (
    DiskError,
    DivergedError,
    MedAdaptError,
    ModelError,
    RunBusyError,
    RunFolderError,
)
from medadapt.core.files import read_json, write_json
from medadapt.core.progress import Silent
from medadapt.core.recipe import Recipe
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.run_folder import RunFolder
from medadapt.core.search_space import recipe_with
from medadapt.models import device
from medadapt.training.checkpoints import newest_checkpoint
from medadapt.training.memory import MOST_TOKENS
from medadapt.workflow import sub_runs
from medadapt.workflow.lock import locked
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.search import room
from medadapt.workflow.search.book import Trial
from medadapt.workflow.search.endings import ended_trial, mark_interrupted, no_winner, refuse_disk_error
from medadapt.workflow.search.folders import SearchFolder, make_trial, make_winner
from medadapt.workflow.search.room import Share, share_of_machine, trial_bytes
from medadapt.workflow.search.trial_process import ERROR_FILE, Terms, curve_of, train_trial
from medadapt.workflow.search.winner import reloaded_loss
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state
from small_disk import files_up_to

VALUES = {"training.learning_rate": 1e-3}
SHARE = Share(device="cpu", threads=1, gpus=0)


def trial_recipe(run: RunFolder, **values: Any) -> Recipe:
    from medadapt.core.recipe_reading import read_recipe

    return recipe_with(read_recipe(run.recipe), VALUES | values)


def terms(search: SearchFolder, **changed: Any) -> Terms:
    values: dict[str, Any] = {
        "trials": str(search.path / "trials"),
        "working_folder": str(Path.cwd()),
        "device": "cpu",
        "threads": 1,
        "smoke": True,
        "stop_file": str(search.run.path / "no-such-file"),
        "resume_with": "medadapt search run",
    }
    return Terms(**values | changed)


@pytest.fixture
def search(own_run: RunFolder) -> SearchFolder:
    folder = SearchFolder(own_run)
    make_trial(folder, "000", trial_recipe(own_run))
    return folder


@pytest.fixture
def trained(search: SearchFolder) -> SearchFolder:
    train_trial("000", terms(search), lambda _: None)
    return search


def ended(search: SearchFolder, curve: dict[int, float] | None = None, **how: bool) -> Trial | None:
    asked = {"stopped_by_us": False, "died": False, **how}
    return ended_trial(search.trial("000"), dict(VALUES), curve or {}, **asked)


def test_a_trial_shares_records_and_examples_with_the_run_and_keeps_no_second_copy(search: SearchFolder):
    ours, theirs = search.run.records / "train.jsonl", search.trial("000").records / "train.jsonl"

    assert ours.samefile(theirs)


def test_where_a_disk_has_no_hard_links_files_are_copied(own_run: RunFolder, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(sub_runs.os, "link", refuse)
    make_trial(SearchFolder(own_run), "000", trial_recipe(own_run))

    copy = SearchFolder(own_run).trial("000").records / "train.jsonl"
    assert copy.read_bytes() == (own_run.records / "train.jsonl").read_bytes()
    assert not copy.samefile(own_run.records / "train.jsonl")


def test_a_trial_trains_its_own_values_and_tells_each_evaluation(search: SearchFolder):
    told: list[dict[str, float]] = []

    train_trial("000", terms(search), told.append)

    run = search.trial("000")
    assert read_state(run).stages["train"].status == "done"
    assert "learning_rate: 0.001" in run.recipe.read_text()
    assert [row["step"] for row in told] == [1, 2, 3, 4]
    assert [row["evaluations"] for row in told] == [1, 2, 3, 4]
    assert {row["step"]: row["loss"] for row in told} == curve_of(run)
    assert [row["best"] for row in told] == [min(r["loss"] for r in told[: k + 1]) for k in range(4)]


def test_half_a_line_at_the_end_of_a_trials_steps_is_left_out(trained: SearchFolder):
    run = trained.trial("000")
    whole = curve_of(run)
    with (run.adapter / "steps.jsonl").open("a") as steps:
        steps.write('{"step": 5, "lo')

    assert list(curve_of(run)) == [1, 2, 3, 4]
    assert curve_of(run) == whole


def test_a_trial_never_looks_at_the_test_records(trained: SearchFolder):
    run = trained.trial("000")

    assert not run.predictions.exists()
    assert set(read_state(run).stages) == {"prepare", "encode", "train"}


def test_a_trial_goes_on_with_its_search_and_not_alone(trained: SearchFolder):
    assert read_json(trained.trial("000").state)["resume"] == "medadapt search run"


def test_a_finished_trial_is_recorded_with_the_lowest_loss_of_its_curve(trained: SearchFolder):
    curve = curve_of(trained.trial("000"))

    trial = ended(trained, curve)

    assert (trial.status, trial.steps, trial.error) == ("done", 4, None)
    assert trial.validation_loss == min(curve.values()) == curve[trial.best_step]
    assert trial.curve == tuple(sorted(curve.items()))


def test_a_trial_that_diverges_fails_with_its_error_and_raises_nothing(own_run: RunFolder):
    search = SearchFolder(own_run)
    make_trial(search, "000", trial_recipe(own_run, **{"training.learning_rate": 1e9}))

    train_trial("000", terms(search), lambda _: None)

    trial = ended(search)
    assert (trial.status, trial.error_kind) == ("failed", "DivergedError")
    assert trial.error.startswith("Training diverged")


def test_a_bug_in_a_trial_keeps_its_traceback(search: SearchFolder):
    def broken(_: object) -> None:
        raise ZeroDivisionError("a bug")

    train_trial("000", terms(search), broken)

    assert "ZeroDivisionError: a bug" in read_json(search.trial("000").path / ERROR_FILE)["traceback"]
    assert ended(search).error_kind == "ZeroDivisionError"


def test_a_process_that_died_is_a_failed_trial_even_with_a_curve(search: SearchFolder):
    trial = ended(search, {2: 1.0}, died=True)

    assert trial.status == "failed"
    assert "ended without a word" in trial.error


def test_a_trial_stopped_by_the_scheduler_keeps_its_best_figure(search: SearchFolder):
    trial = ended(search, {1: 3.0, 2: 2.0, 3: 2.5})

    assert (trial.status, trial.best_step, trial.validation_loss, trial.steps) == ("stopped", 2, 2.0, 3)


def test_an_interrupted_trial_is_not_recorded(search: SearchFolder):
    assert ended(search, {1: 3.0}, stopped_by_us=True) is None


def test_a_trial_whose_process_died_after_a_stop_was_asked_for_is_interrupted_and_not_failed(
    search: SearchFolder,
):
    assert ended(search, {1: 3.0}, stopped_by_us=True, died=True) is None


def test_a_trial_told_to_stop_saves_and_goes_on_to_the_same_adapter(trained: SearchFolder, tmp_path: Path):
    stop_file = tmp_path / "stop"
    make_trial(trained, "001", trial_recipe(trained.run))

    def stop_at_second(row: dict[str, float]) -> None:
        if row["step"] == 2:
            stop_file.touch()

    train_trial("001", terms(trained, stop_file=str(stop_file)), stop_at_second)
    interrupted = read_state(trained.trial("001"))
    checkpoints = [path.name for path in (trained.trial("001").adapter / "checkpoints").iterdir()]
    stop_file.unlink()
    later: list[dict[str, float]] = []
    train_trial("001", terms(trained), later.append)

    assert interrupted.stages["train"].status == "interrupted"
    assert "step-000002" in checkpoints
    assert [row["step"] for row in later] == [3, 4]
    assert [row["evaluations"] for row in later] == [3, 4]
    weights = [trained.trial(name).adapter / "adapter_model.safetensors" for name in ("000", "001")]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def tune_ends_it(_row: dict[str, float]) -> None:
    raise SystemExit


def test_trials_at_the_same_time_share_the_memory(search: SearchFolder, monkeypatch: pytest.MonkeyPatch):
    make_trial(search, "001", trial_recipe(search.run))
    micro_tokens = []
    for name, memory, concurrent in (("000", 60_000_000, 2), ("001", 30_000_000, 1)):
        monkeypatch.setattr(device, "_main_memory", lambda memory=memory: memory)
        train_trial(name, terms(search, concurrent=concurrent), tune_ends_it)
        saved = newest_checkpoint(search.trial(name).adapter / "checkpoints", note=print)
        micro_tokens.append(saved.state["memory"]["micro_tokens"])

    assert micro_tokens[0] == micro_tokens[1] < MOST_TOKENS["cpu"]


def test_a_trial_goes_on_with_its_steps_cut_as_is_asked_now(search: SearchFolder):
    train_trial("000", terms(search), tune_ends_it)
    later: list[dict[str, float]] = []
    train_trial("000", terms(search, cut={"training.micro_tokens": 64}), later.append)

    assert [row["step"] for row in later] == [2, 3, 4]
    assert read_json(search.trial("000").state)["micro_tokens"] == 64
    assert "micro_tokens: 64" in search.trial("000").recipe.read_text()


def test_a_trial_does_not_begin_when_it_is_time_to_stop(search: SearchFolder, tmp_path: Path):
    (tmp_path / "stop").touch()

    train_trial("000", terms(search, stop_file=str(tmp_path / "stop")), lambda _: None)

    assert "train" not in read_state(search.trial("000")).stages


def test_a_trial_that_the_scheduler_ends_saves_what_it_has(search: SearchFolder):
    def tune_ends_it(row: dict[str, float]) -> None:
        if row["step"] == 2:
            raise SystemExit

    train_trial("000", terms(search), tune_ends_it)

    assert read_state(search.trial("000")).stages["train"].status == "interrupted"


def test_the_record_of_a_killed_trial_says_interrupted(search: SearchFolder):
    run = search.trial("000")
    values = read_json(run.state)
    values["status"] = "running"
    values["stages"]["train"] = {**values["stages"]["encode"], "status": "running"}
    write_json(run.state, values)

    mark_interrupted(run)

    assert (read_state(run).status, read_state(run).stages["train"].status) == ("interrupted", "interrupted")


def test_without_room_on_the_disk_no_trial_begins_and_none_is_blamed(
    search: SearchFolder, monkeypatch: pytest.MonkeyPatch
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1000, 1000))

    train_trial("000", terms(search), lambda _: None)

    assert ended(search) is None
    assert "train" not in read_state(search.trial("000")).stages
    with pytest.raises(DiskError, match="has no room for a trial: it needs about") as told:
        refuse_disk_error(search, ["000"])
    assert told.value.exit_code == 6


def test_room_is_reckoned_from_the_size_of_the_adapter(trained: SearchFolder):
    run = trained.trial("000")
    recipe = trial_recipe(trained.run)
    weights = (run.adapter / "adapter_model.safetensors").stat().st_size

    reckoned = room.adapter_bytes(recipe, base=str(run.base))

    assert reckoned <= weights <= reckoned * 1.2  # the file also has a header
    assert trial_bytes(recipe, base=str(run.base)) == reckoned * (1 + 4 * 4)


def test_no_room_is_reckoned_for_an_encoder_and_decoder(tmp_path: Path):
    T5Config().save_pretrained(tmp_path)
    model = {"base": str(tmp_path)}
    recipe = recipe_from({"data": {"format": "typed_qa", "source": "unused"}, "model": model}, where="test")
    with pytest.raises(ModelError, match="type t5 cannot be used"):
        room.adapter_bytes(recipe, base=str(tmp_path))


def test_more_trials_at_a_time_than_cores_are_refused():
    with pytest.raises(MedAdaptError, match="more trials at a time than this machine has room for"):
        share_of_machine("cpu", (os.cpu_count() or 1) + 1)


def test_trials_at_the_same_time_share_the_threads(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(room.os, "cpu_count", lambda: 8)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)

    assert share_of_machine("cpu", 3) == Share(device="cpu", threads=2, gpus=0)


def test_the_winner_is_the_trial_without_its_checkpoints_and_gives_the_same_figure(trained: SearchFolder):
    trial = ended(trained, curve_of(trained.trial("000")))
    recipe = trial_recipe(trained.run)

    make_winner(trained, "000", recipe)

    loss = reloaded_loss(recipe, trained.winner, trial, share=SHARE, smoke=True)
    assert loss == pytest.approx(trial.validation_loss, abs=1e-6)
    assert not (trained.winner.adapter / "checkpoints").exists()
    assert read_state(trained.winner).stages["train"].status == "done"


def test_a_disk_that_fills_up_while_the_winner_is_made_is_told_as_such(search: SearchFolder):
    weights = search.trial("000").adapter / WEIGHTS
    weights.parent.mkdir()
    weights.write_bytes(bytes(100_000))

    with files_up_to(50_000), pytest.raises(DiskError, match="File too large"):
        make_winner(search, "000", trial_recipe(search.run))

    assert not search.winner.path.exists()


def test_another_adapter_than_the_one_that_won_is_found_out(trained: SearchFolder):
    trial = ended(trained, curve_of(trained.trial("000")))
    recipe = trial_recipe(trained.run, **{"training.learning_rate": 1e-2})
    make_trial(trained, "001", recipe)
    train_trial("001", terms(trained), lambda _: None)

    make_winner(trained, "001", recipe)

    with pytest.raises(RunFolderError, match="The adapter of trial 000 has a validation loss of"):
        reloaded_loss(recipe, trained.winner, trial, share=SHARE, smoke=True)


def test_a_winner_and_trials_that_somebody_works_in_are_not_deleted(trained: SearchFolder):
    recipe = trial_recipe(trained.run)
    make_winner(trained, "000", recipe)
    winner, trial = trained.winner, trained.trial("000")
    before = sorted(path for path in trained.path.rglob("*") if path.is_file())

    with locked(winner), pytest.raises(RunBusyError):
        make_winner(trained, "000", recipe)
    with locked(trial), pytest.raises(RunBusyError):
        sub_runs.remove(winner.path, trained.path / "trials")

    left = [path for path in before if path.is_file()]
    assert left == before
    sub_runs.remove(trained.path / "trials")
    assert not trial.path.exists()


def test_a_later_plain_run_of_the_winner_finds_training_up_to_date(trained: SearchFolder):
    recipe = trial_recipe(trained.run)
    make_winner(trained, "000", recipe)

    request = RunRequest(recipe=recipe, folder=trained.winner.path, last="train", smoke=True, device="cpu")

    assert run_stages(STAGES, request, Silent()).skipped == ("prepare", "encode", "train")


def test_when_all_diverged_the_search_ends_as_training_would(search: SearchFolder):
    failed = Trial(
        id="000", values={}, status="failed", steps=0, best_step=None, validation_loss=None,
        seconds=0, curve=(), error="Training diverged: nan.", error_kind="DivergedError",
    )  # fmt: skip

    problem = no_winner(search, [failed])

    assert isinstance(problem, DivergedError)
    assert problem.exit_code == 4
    assert "All 1 trials failed; trial 000: Training diverged" in problem.problem


def test_a_folder_that_was_half_made_is_made_again(own_run: RunFolder):
    search = SearchFolder(own_run)
    half = search.path / "trials" / ".000.part"
    shutil.copytree(own_run.records, half / "1-records")

    make_trial(search, "000", trial_recipe(own_run))

    assert not half.exists()
    assert search.trial("000").state.is_file()
