from __future__ import annotations

import json
import os
import signal
from dataclasses import replace

import pytest

from medadapt.core.errors import (
    DataError,
    DiskError,
    DivergedError,
    MedAdaptError,
    ModelError,
    RunFolderError,
    StoppedError,
)
from medadapt.core.files import read_json, write_json, write_text
from medadapt.core.progress import Silent
from medadapt.workflow import outputs
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from older_runs import with_cut_recorded, without_key


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_all_stages_run_once_in_order(tiny_path):
    ran = tiny_path.run()
    assert tiny_path.calls == ["prepare", "train", "score"]
    assert ran.ran == ("prepare", "train", "score")
    assert read_json(tiny_path.folder / "run.json")["status"] == "done"


def test_half_a_file_of_a_run_that_was_killed_at_once_is_no_stranger(tiny_path):
    write_text(tiny_path.folder / ".run.json.7.part", "{")
    write_text(tiny_path.folder / ".lock", "")
    assert tiny_path.run().ran == ("prepare", "train", "score")


def test_second_run_does_nothing_and_touches_no_file(tiny_path):
    tiny_path.run()
    before = snapshot(tiny_path.folder)
    ran = tiny_path.run()
    assert tiny_path.calls == []
    assert ran.ran == ()
    assert ran.skipped == ("prepare", "train", "score")
    assert snapshot(tiny_path.folder) == before


def test_evaluation_change_reruns_from_its_own_stage(tiny_path):
    tiny_path.run()
    tiny_path.run("evaluation.alpha=0.01")
    assert tiny_path.calls == ["score"]
    assert (tiny_path.folder / "5-metrics/metrics.txt").read_text() == "0.01"


def test_other_recipe_is_refused_with_every_difference_and_nothing_changes(tiny_path):
    tiny_path.run()
    before = snapshot(tiny_path.folder)
    with pytest.raises(RunFolderError) as refused:
        tiny_path.run("training.epochs=7", "model.base=other", "seed=3")
    for line in ("training.epochs: 3.0 -> 7.0", "model.base: base -> other", "seed: 0 -> 3"):
        assert line in refused.value.problem
    assert tiny_path.calls == []
    assert snapshot(tiny_path.folder) == before


def test_smoke_and_full_run_do_not_mix(tiny_path):
    tiny_path.run()
    with pytest.raises(RunFolderError, match="smoke run: False -> True"):
        tiny_path.run(smoke=True)


def test_replace_reruns_from_the_first_changed_stage_and_deletes_what_follows(tiny_path):
    tiny_path.run()
    write_text(tiny_path.folder / "5-metrics/parity.json", "{}")
    tiny_path.run("training.epochs=7", replace=True)
    assert tiny_path.calls == ["train", "score"]
    assert (tiny_path.folder / "3-adapter/adapter.txt").read_text() == "7.0"
    assert not (tiny_path.folder / "5-metrics/parity.json").exists()
    assert "epochs: 7.0" in (tiny_path.folder / "recipe.yaml").read_text()


class Notes(Silent):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def test_what_a_folder_keeps_of_other_commands_outlives_a_rerun_of_its_stage(tiny_path):
    tiny_path.run()
    folder, notes = tiny_path.folder / "5-metrics", Notes()
    write_text(folder / "answers/medqa.jsonl", "asked")
    write_text(folder / "figures/loss.png", "drawn")
    write_text(folder / "left.txt", "over")
    tiny_path.run("evaluation.alpha=0.01", progress=notes)
    assert tiny_path.calls == ["score"]
    assert {path.name for path in folder.iterdir()} == {"answers", "metrics.txt"}
    assert (folder / "answers/medqa.jsonl").read_text() == "asked"
    assert (folder / "metrics.txt").read_text() == "0.01"
    assert notes.lines == []


def test_measurements_of_other_commands_that_go_are_told_in_one_note(tiny_path):
    tiny_path.run()
    for name in ("parity.json", "seeds.json"):
        write_text(tiny_path.folder / "5-metrics" / name, "{}")
    notes = Notes()
    tiny_path.run("training.epochs=7", replace=True, progress=notes)
    assert tiny_path.calls == ["train", "score"]
    assert notes.lines == [
        "Deleted with the results they were measured on: 5-metrics/parity.json, 5-metrics/seeds.json. "
        "Made again by `medadapt parity` and `medadapt run --seeds`."
    ]
    assert [path.name for path in (tiny_path.folder / "5-metrics").iterdir()] == ["metrics.txt"]


def test_a_stage_that_cannot_read_its_inputs_leaves_results_and_record_as_they_were(tiny_path):
    tiny_path.reads_first = True
    tiny_path.run()
    write_text(tiny_path.folder / "5-metrics/parity.json", "{}")
    before = snapshot(tiny_path.folder)
    tiny_path.faults["score"] = DataError("4-predictions/tuned.jsonl:3 is damaged.")
    with pytest.raises(DataError):
        tiny_path.run("evaluation.alpha=0.01")
    assert snapshot(tiny_path.folder) == before

    tiny_path.faults.clear()
    tiny_path.run()
    assert tiny_path.calls == []  # nothing was lost, so nothing is to be made again
    tiny_path.run("evaluation.alpha=0.01")
    assert tiny_path.calls == ["score"]
    assert [path.name for path in (tiny_path.folder / "5-metrics").iterdir()] == ["metrics.txt"]


def test_a_stage_that_cannot_read_its_inputs_fails_the_run_that_came_to_it(tiny_path):
    tiny_path.reads_first = True
    tiny_path.faults["score"] = DataError("1-records/test.jsonl:3 is damaged.")
    with pytest.raises(DataError):
        tiny_path.run()
    told = read_json(tiny_path.folder / "run.json")
    assert (told["status"], told["stages"]["score"]["status"]) == ("failed", "failed")


def test_replace_with_from_runs_that_stage_again_though_unchanged(tiny_path):
    tiny_path.run()
    tiny_path.run(first="train", replace=True)
    assert tiny_path.calls == ["train", "score"]


def test_keys_that_do_not_change_the_result_cause_no_rerun(tiny_path):
    tiny_path.run()
    tiny_path.run("training.log_every=1", "training.keep=1", "data.allow_leak=true")
    assert tiny_path.calls == []


@pytest.mark.parametrize("damage", ["delete", "edit"])
def test_damaged_output_reruns_its_stage_and_equal_results_spare_the_rest(tiny_path, damage):
    tiny_path.run()
    path = tiny_path.folder / "1-records/records.txt"
    path.unlink() if damage == "delete" else path.write_text("edit")
    tiny_path.run()
    assert tiny_path.calls == ["prepare"]
    assert path.read_text() == "rows"


def test_changed_source_file_is_refused_where_training_would_be_lost(tiny_path):
    tiny_path.run()
    tiny_path.source = "other rows"
    with pytest.raises(RunFolderError, match=r"source rows\.csv"):
        tiny_path.run()
    assert (tiny_path.folder / "3-adapter/adapter.txt").exists()
    tiny_path.run(replace=True)
    assert tiny_path.calls == ["prepare", "train", "score"]


def test_until_stops_early_and_a_later_run_goes_on(tiny_path):
    tiny_path.run(last="prepare")
    assert tiny_path.calls == ["prepare"]
    assert read_json(tiny_path.folder / "run.json")["status"] == "partial"
    tiny_path.run()
    assert tiny_path.calls == ["train", "score"]


def test_stage_without_the_one_before_names_the_command(tiny_path):
    tiny_path.run(last="prepare")
    with pytest.raises(RunFolderError) as refused:
        tiny_path.run(first="score", last="score")
    folder = tiny_path.folder
    assert refused.value.remedy == f"Run `medadapt train {folder}` first, or `medadapt run {folder}`."
    assert tiny_path.calls == []


def test_stage_in_a_folder_without_a_run_creates_nothing(tiny_path):
    with pytest.raises(RunFolderError, match="prepare has not run there"):
        tiny_path.run(first="score", last="score")
    assert not tiny_path.folder.exists()


def test_later_stage_sees_a_file_that_was_exchanged_on_purpose(tiny_path):
    tiny_path.run()
    write_text(tiny_path.folder / "3-adapter/adapter.txt", "another adapter")
    tiny_path.run(first="score", last="score")
    assert tiny_path.calls == ["score"]
    assert (tiny_path.folder / "3-adapter/adapter.txt").read_text() == "another adapter"


def test_a_file_of_a_sealed_stage_that_was_changed_is_refused_with_the_command_that_makes_it_anew(tiny_path):
    tiny_path.run()
    write_text(tiny_path.folder / "3-adapter/adapter.txt", "another adapter")
    before = snapshot(tiny_path.folder)
    sealed = tuple(replace(stage, sealed=stage.name == "train") for stage in tiny_path.table)
    request = RunRequest(recipe=tiny_path.recipe(), folder=tiny_path.folder, first="score", last="score")
    tiny_path.calls.clear()
    with pytest.raises(
        RunFolderError, match=r"score needs 3-adapter/adapter\.txt .* as train left it"
    ) as refused:
        run_stages(sealed, request, Silent())
    assert refused.value.remedy.startswith(f"Run `medadapt train {tiny_path.folder}` first")
    assert tiny_path.calls == []
    assert snapshot(tiny_path.folder) == before


def test_folder_that_is_no_run_is_refused_and_left_alone(tiny_path):
    write_text(tiny_path.folder / "thesis.txt", "years of work")
    before = snapshot(tiny_path.folder)
    with pytest.raises(RunFolderError, match=r"thesis\.txt"):
        tiny_path.run(replace=True)
    assert snapshot(tiny_path.folder) == before


def test_failed_run_may_be_mended_in_sections_that_no_finished_stage_read(tiny_path):
    tiny_path.faults["train"] = ModelError("no such base")
    with pytest.raises(ModelError):
        tiny_path.run()
    assert read_json(tiny_path.folder / "run.json")["stages"]["train"]["status"] == "failed"
    tiny_path.faults.clear()
    with pytest.raises(RunFolderError, match="seed: 0 -> 1"):
        tiny_path.run("model.base=right", "seed=1")
    tiny_path.run("model.base=right")
    assert tiny_path.calls == ["train", "score"]


def test_stopped_training_keeps_its_checkpoints_and_is_resumed(tiny_path):
    checkpoint = tiny_path.folder / "3-adapter/checkpoints/step-1"
    tiny_path.acts["train"] = lambda _work: write_text(checkpoint, "weights")
    tiny_path.faults["train"] = StoppedError("stopped", signal_number=signal.SIGTERM)
    with pytest.raises(StoppedError) as stopped:
        tiny_path.run()
    state = read_json(tiny_path.folder / "run.json")
    assert state["status"] == "interrupted"
    assert state["resume"] == f"medadapt run {tiny_path.folder}"
    assert state["resume"] in stopped.value.remedy
    tiny_path.faults.clear()
    seen = []
    tiny_path.acts["train"] = lambda _work: seen.append(checkpoint.exists())
    tiny_path.run()
    assert seen == [True]
    assert tiny_path.calls == ["train", "score"]


def test_stopped_training_goes_on_with_its_steps_cut_otherwise(tiny_path):
    tiny_path.acts["train"] = lambda _work: write_text(
        tiny_path.folder / "3-adapter/checkpoints/1", "weights"
    )
    tiny_path.faults["train"] = ModelError("out of memory")
    with pytest.raises(ModelError):
        tiny_path.run()
    tiny_path.faults.clear()
    seen = []
    tiny_path.acts["train"] = lambda work: seen.extend((work.run.adapter / "checkpoints").iterdir())
    tiny_path.run("training.micro_tokens=64", "training.checkpointing=on")
    assert [path.name for path in seen] == ["1"]
    assert tiny_path.calls == ["train", "score"]


def test_a_run_of_a_version_that_recorded_how_steps_are_cut_is_up_to_date(tiny_path):
    tiny_path.run("training.micro_tokens=64")
    recorded = (tiny_path.folder / "run.json").read_text()
    with_cut_recorded(tiny_path.folder)
    before = snapshot(tiny_path.folder)
    assert (tiny_path.folder / "run.json").read_text() != recorded
    for tokens in (64, 32):
        assert tiny_path.run(f"training.micro_tokens={tokens}").ran == ()
    assert snapshot(tiny_path.folder) == before

    tiny_path.run("training.micro_tokens=32", "evaluation.alpha=0.01", first="score")
    assert tiny_path.calls == ["score"]
    assert tiny_path.run("training.micro_tokens=32", "evaluation.alpha=0.01").ran == ()


def test_stopped_training_with_another_setting_is_refused(tiny_path):
    tiny_path.acts["train"] = lambda _work: write_text(
        tiny_path.folder / "3-adapter/checkpoints/1", "weights"
    )
    tiny_path.faults["train"] = ModelError("out of memory")
    with pytest.raises(ModelError):
        tiny_path.run()
    with pytest.raises(RunFolderError, match=r"training\.epochs"):
        tiny_path.run("training.epochs=1")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_stops_a_stage_at_once_and_says_how_to_go_on(tiny_path, number, code):
    tiny_path.acts["prepare"] = lambda _work: os.kill(os.getpid(), number)
    handler = signal.getsignal(number)
    with pytest.raises(StoppedError) as stopped:
        tiny_path.run()
    assert stopped.value.signal_exit_code == code
    assert read_json(tiny_path.folder / "run.json")["stages"]["prepare"]["status"] == "interrupted"
    assert signal.getsignal(number) == handler
    tiny_path.acts.clear()
    tiny_path.run()
    assert tiny_path.calls == ["prepare", "train", "score"]


def test_a_signal_before_the_first_stage_asks_for_the_same_command_again(tiny_path):
    tiny_path.run()
    before = snapshot(tiny_path.folder)
    tiny_path.checks = (lambda _request: os.kill(os.getpid(), signal.SIGINT),)
    with pytest.raises(StoppedError) as stopped:
        tiny_path.run("training.epochs=7", replace=True)
    # `medadapt run FOLDER` would find the recipe of before, and nothing to do.
    assert stopped.value.remedy == "Give the same command again."
    assert stopped.value.signal_exit_code == 130
    assert snapshot(tiny_path.folder) == before


def test_killed_run_counts_as_interrupted(tiny_path):
    tiny_path.run()
    path = tiny_path.folder / "run.json"
    state = json.loads(path.read_text())
    state["status"], state["stages"]["score"]["status"] = "running", "running"
    path.write_text(json.dumps(state))
    tiny_path.run()
    assert tiny_path.calls == ["score"]


def test_full_disk_is_told_as_such_whoever_raises_it(tiny_path):
    tiny_path.faults["train"] = RuntimeError(
        "Error while serializing: I/O error: No space left on device (os error 28)"
    )
    with pytest.raises(DiskError):
        tiny_path.run()
    tiny_path.faults["train"] = OSError(28, "No space left on device")
    with pytest.raises(DiskError):
        tiny_path.run()


def test_bug_in_a_stage_keeps_its_own_exception(tiny_path):
    tiny_path.faults["train"] = ZeroDivisionError("bug")
    with pytest.raises(ZeroDivisionError):
        tiny_path.run()
    told = read_json(tiny_path.folder / "run.json")
    assert told["status"] == "failed"
    # The text of such an error may hold data, so its kind alone is kept.
    assert told["failure"] == {
        "stage": "train", "problem": "ZeroDivisionError", "remedy": "", "exit_code": 1
    }  # fmt: skip


def test_why_a_stage_failed_stands_in_run_json_until_it_goes_on(tiny_path):
    tiny_path.faults["train"] = DivergedError("In step 7 the loss is nan.", "a finite loss", "Lower it.")
    with pytest.raises(DivergedError):
        tiny_path.run()
    assert read_json(tiny_path.folder / "run.json")["failure"] == {
        "stage": "train", "problem": "In step 7 the loss is nan.", "remedy": "Lower it.", "exit_code": 4
    }  # fmt: skip

    tiny_path.faults["train"] = StoppedError("stopped", signal_number=signal.SIGTERM)
    with pytest.raises(StoppedError):
        tiny_path.run()
    assert read_json(tiny_path.folder / "run.json")["failure"] is None


def test_why_a_stage_failed_before_it_changed_anything_stands_in_run_json(tiny_path):
    tiny_path.reads_first = True
    tiny_path.run()
    (tiny_path.folder / "3-adapter/adapter.txt").unlink()  # so that a stage before it runs
    tiny_path.faults["score"] = DataError("4-predictions/tuned.jsonl:3 is damaged.")
    with pytest.raises(DataError):
        tiny_path.run("evaluation.alpha=0.01")
    told = read_json(tiny_path.folder / "run.json")
    assert (tiny_path.calls, told["stages"]["score"]["status"]) == (["train", "score"], "done")
    assert (told["status"], told["failure"]["stage"], told["failure"]["exit_code"]) == ("failed", "score", 2)


def test_another_failure_takes_the_place_of_the_one_before(tiny_path):
    tiny_path.reads_first = True
    for problem in ("tuned.jsonl:3 is damaged.", "tuned.jsonl:5 is damaged."):
        tiny_path.faults["score"] = DataError(problem)
        with pytest.raises(DataError):
            tiny_path.run()
        assert read_json(tiny_path.folder / "run.json")["failure"]["problem"] == problem


def test_facts_are_in_run_json_though_the_stage_fails_later(tiny_path):
    tiny_path.acts["train"] = lambda work: work.keep({"device": "cpu"})
    tiny_path.faults["train"] = ModelError("no")
    with pytest.raises(ModelError):
        tiny_path.run()
    state = read_json(tiny_path.folder / "run.json")
    assert state["device"] == "cpu"
    assert {"versions", "seeds", "resume", "started"} <= state.keys()


def test_missing_source_leaves_no_folder_behind(tiny_path):
    def missing(recipe):
        raise DataError("rows.csv is missing")

    table = (replace(tiny_path.table[0], sources=missing), *tiny_path.table[1:])
    with pytest.raises(DataError):
        run_stages(table, RunRequest(recipe=tiny_path.recipe(), folder=tiny_path.folder), Silent())
    assert not tiny_path.folder.exists()


def test_what_a_late_stage_needs_is_asked_once_before_the_first_begins(tiny_path):
    asked = []

    def absent(request):
        asked.append(request.folder)
        raise ModelError("no such base")

    tiny_path.checks = (absent, absent)
    with pytest.raises(ModelError):
        tiny_path.run()
    assert tiny_path.calls == []
    assert len(asked) == 1
    assert not tiny_path.folder.exists()


def test_a_failed_check_leaves_the_run_as_it_was(tiny_path):
    tiny_path.run()
    before = snapshot(tiny_path.folder)

    def absent(_request):
        raise ModelError("no such base")

    tiny_path.checks = (absent,)
    with pytest.raises(ModelError):
        tiny_path.run("training.epochs=7", replace=True)
    assert snapshot(tiny_path.folder) == before


def test_checks_of_stages_that_do_not_run_are_not_asked(tiny_path):
    tiny_path.run()
    tiny_path.checks = (lambda _request: pytest.fail("asked"),)
    tiny_path.run()
    tiny_path.run("evaluation.alpha=0.01")
    assert tiny_path.calls == ["score"]


def test_from_after_until_is_refused(tiny_path):
    with pytest.raises(MedAdaptError, match="comes before"):
        tiny_path.run(first="score", last="prepare")


def test_lost_record_of_a_stage_throws_its_stale_files_away(tiny_path):
    tiny_path.run()
    path = tiny_path.folder / "run.json"
    state = json.loads(path.read_text())
    for name in ("train", "score"):
        del state["stages"][name]
    path.write_text(json.dumps(state))
    stale = tiny_path.folder / "3-adapter/checkpoints/old"
    write_text(stale, "old")
    tiny_path.run()
    assert not stale.exists()


def test_a_stage_is_not_run_on_what_another_recipe_made(tiny_path):
    tiny_path.run()
    before = snapshot(tiny_path.folder)
    for replaced in (False, True):
        with pytest.raises(RunFolderError, match=r"made with other settings|made from another recipe"):
            tiny_path.run("training.epochs=7", first="score", replace=replaced)
    assert tiny_path.calls == []
    assert snapshot(tiny_path.folder) == before


def test_settings_that_only_later_stages_read_may_be_others(tiny_path):
    tiny_path.run()
    tiny_path.run("evaluation.alpha=0.01", first="score")
    assert tiny_path.calls == ["score"]


def test_a_stage_is_not_run_on_what_was_made_from_files_that_were_exchanged_since(tiny_path):
    tiny_path.run()
    write_text(tiny_path.folder / "1-records/records.txt", "exchanged")
    table = tuple(replace(stage, exchangeable=stage.name == "prepare") for stage in tiny_path.table)
    request = RunRequest(recipe=tiny_path.recipe(), folder=tiny_path.folder, first="score")
    with pytest.raises(RunFolderError, match="made from other files of 1-records") as refused:
        run_stages(table, request, Silent())
    # Not `medadapt run`, which would put the old file back.
    assert refused.value.remedy == f"Run `medadapt train {tiny_path.folder}` first."


def test_a_large_file_that_was_exchanged_for_one_of_its_size_is_what_later_stages_see(tiny_path, monkeypatch):
    monkeypatch.setattr(outputs, "HASHED_AGAIN_BYTES", 0)
    table = tuple(replace(stage, exchangeable=stage.name == "train") for stage in tiny_path.table)
    request = RunRequest(recipe=tiny_path.recipe(), folder=tiny_path.folder)
    run_stages(table, request, Silent())
    write_text(tiny_path.folder / "3-adapter/adapter.txt", "9")
    assert run_stages(table, request, Silent()).ran == ("score",)
    assert run_stages(table, request, Silent()).ran == ()
    assert (tiny_path.folder / "3-adapter/adapter.txt").read_text() == "9"


def test_a_key_that_came_with_a_new_version_makes_no_finished_stage_another(tiny_path):
    tiny_path.run()
    without_key(tiny_path.folder, "training", "warmup")
    before = snapshot(tiny_path.folder)
    assert tiny_path.run().ran == tiny_path.run(first="score", last="score").ran == ()
    assert snapshot(tiny_path.folder) == before

    tiny_path.run("evaluation.alpha=0.01", first="score")  # writes the recipe with the keys of this version
    assert tiny_path.calls == ["score"]
    tiny_path.run("evaluation.alpha=0.02", first="score")
    assert tiny_path.calls == ["score"]
    assert tiny_path.run("evaluation.alpha=0.02").ran == ()


def test_a_stage_that_was_made_with_another_recipe_than_the_folder_tells_is_still_refused(tiny_path):
    tiny_path.run()
    path = tiny_path.folder / "recipe.yaml"
    write_text(path, path.read_text().replace("epochs: 3.0", "epochs: 7.0"))
    without_key(tiny_path.folder, "data", "aliases")
    with pytest.raises(RunFolderError, match=r"made with other settings \(training\)"):
        tiny_path.run("training.epochs=7", first="score")


def as_prepared_by_an_older_version(folder):
    state = read_json(folder / "run.json")
    state["stages"]["prepare"]["inputs"]["version"] = "an older one"
    write_json(folder / "run.json", state)


@pytest.mark.parametrize(
    "trained",
    [
        "3-adapter/adapter.txt",
        "seeds/1/3-adapter/checkpoints/step-1",
        "search/trials/000/3-adapter/adapter.txt",
        "search/winner/3-adapter/adapter.txt",
    ],
)
def test_what_an_older_version_made_is_up_to_date_where_training_rests_on_it_and_that_is_asked_for(
    tiny_path, trained
):
    tiny_path.run(last="prepare")
    write_text(tiny_path.folder / trained, "weights")
    as_prepared_by_an_older_version(tiny_path.folder)
    before, notes = snapshot(tiny_path.folder), Notes()
    for replaced in (False, True):
        tiny_path.run(last="prepare", keep_older=True, replace=replaced, progress=notes)
        assert tiny_path.calls == []
    assert snapshot(tiny_path.folder) == before
    assert "stays as it is, because" in notes.lines[0]


def test_what_an_older_version_made_is_made_anew_where_nothing_was_trained_on_it(tiny_path):
    tiny_path.run(last="prepare")
    (tiny_path.folder / "search/trials/000/1-records").mkdir(parents=True)
    as_prepared_by_an_older_version(tiny_path.folder)
    tiny_path.run(last="prepare", keep_older=True)
    assert tiny_path.calls == ["prepare"]


def test_what_an_older_version_made_of_another_source_is_not_up_to_date(tiny_path):
    tiny_path.run()
    as_prepared_by_an_older_version(tiny_path.folder)
    tiny_path.source = "other rows"
    with pytest.raises(RunFolderError, match=r"other inputs than before \(source rows\.csv, version\)"):
        tiny_path.run(keep_older=True)


def test_the_note_of_an_older_version_names_the_command_that_makes_its_files_anew(tiny_path):
    tiny_path.run()
    as_prepared_by_an_older_version(tiny_path.folder)
    notes = Notes()
    tiny_path.run(keep_older=True, progress=notes)
    assert f"run `medadapt prepare {tiny_path.folder} --replace` first" in notes.lines[0]
    tiny_path.run(first="prepare", last="prepare", replace=True)
    assert tiny_path.calls == ["prepare"]
    assert not (tiny_path.folder / "3-adapter").exists()
