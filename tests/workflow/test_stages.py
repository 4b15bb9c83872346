"""The real stages on one smoke run: a tiny random base and the bundled rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from medadapt.core.adapter_folder import ASKING, WEIGHTS
from medadapt.core.errors import RunFolderError
from medadapt.core.files import read_json, read_jsonl, write_json, write_jsonl
from medadapt.core.progress import Silent
from medadapt.core.records import read_records
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.existing import refuse_own_adapter
from medadapt.workflow.locating import locate
from medadapt.workflow.outcome import run
from medadapt.workflow.request import RunRequest
from medadapt.workflow.running import run_stages
from medadapt.workflow.stages import STAGE_NAMES, STAGES
from medadapt.workflow.verifying import verification, verify


class Notes(Silent):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def request(folder, *overrides, target="symptom-diagnosis-opt-1.3b", **asked):
    found = locate(target, output=folder, overrides=overrides, smoke=True)
    return RunRequest(recipe=found.recipe, folder=found.folder, smoke=True, device="cpu", **asked)


@pytest.fixture(scope="module")
def notes():
    return Notes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory, notes):
    folder = tmp_path_factory.mktemp("smoke") / "run"
    outcome = run(request(folder), notes)
    assert outcome.ran == STAGE_NAMES
    return outcome


@pytest.fixture
def copied(finished, tmp_path):
    return shutil.copytree(finished.folder, tmp_path / "copy")


def test_smoke_run_reaches_the_report_and_never_fails_a_gate(finished):
    assert (finished.status, finished.exit_code) == ("done", 0)
    assert finished.report.is_file()
    assert finished.metrics["n"] == sum(1 for _ in read_records(finished.folder / "1-records/test.jsonl"))


def test_smoke_run_makes_its_own_base_and_says_so(finished):
    state = read_json(finished.folder / "run.json")
    assert state["smoke"] is True
    assert state["base"] == str(finished.folder / "0-base")
    assert finished.metrics["protocol"]["base"] == "facebook/opt-1.3b (tiny random stand-in)"
    assert state["training"]["steps"] == 4


def test_run_json_says_what_was_asked_for_and_what_was_got(finished):
    state = read_json(finished.folder / "run.json")
    for name in ("precision", "quantization", "attention"):
        assert state[name].keys() == {"asked", "got"}
    assert state["device"]["type"] == "cpu"
    assert state["trainable"]["parameters"] > 0
    assert state["threads"] >= 1
    assert list(state["stages"]) == list(STAGE_NAMES)
    assert all(stage["status"] == "done" and stage["seconds"] > 0 for stage in state["stages"].values())


def test_notes_account_for_rows_and_settings(finished, notes):
    text = "\n".join(notes.lines)
    assert "32 rows = " in text
    assert "(cpu), precision fp32" in text
    assert "quantization none = asked" in text
    assert "this test set of" in text


def test_what_the_test_set_can_show_is_known_before_training(finished):
    found = read_json(finished.folder / "run.json")["detectable_beforehand"]
    tested = list(read_records(finished.folder / "1-records/test.jsonl"))
    assert (found["n"], found["num_groups"]) == (len(tested), len({record.group for record in tested}))
    assert found["metric"] == "accuracy"
    assert (found["value"] is None) == (found["num_groups"] < 6)


def test_second_run_is_skipped_with_the_same_metrics(finished):
    again = run(request(finished.folder), Silent())
    assert again.ran == ()
    assert again.metrics == finished.metrics


def test_what_datasets_keeps_beside_the_examples_makes_no_stage_run_again(copied):
    (copied / "2-examples/train/cache-0123456789abcdef.arrow").write_text("rows that somebody looked at")
    for first in STAGE_NAMES:
        assert run(request(copied, first=first), Silent()).ran == ()


def test_a_smoke_run_of_longer_examples_than_its_base_reads_cuts_them_there(tmp_path):
    told = Notes()
    run_stages(STAGES, request(tmp_path / "run", "examples.max_length=2048", last="encode"), told)
    assert read_json(tmp_path / "run/2-examples/examples.json")["plan"]["max_length"] == 1024
    assert "Smoke run: the random base reads no more than 1024 tokens; examples are cut there." in told.lines


def test_preview_answers_no_test_question(finished):
    tested = {record.id for record in read_records(finished.folder / "1-records/test.jsonl")}
    previews = [
        row["preview"] for row in read_jsonl(finished.folder / "3-adapter/steps.jsonl") if "preview" in row
    ]
    assert previews
    assert not tested & {answer["id"] for preview in previews for answer in preview}


def test_fresh_metrics_are_confirmed_by_the_predictions(finished):
    assert verify(request(finished.folder).recipe, RunFolder(finished.folder)) == []


def test_edited_metrics_and_predictions_are_found(copied):
    path = copied / "5-metrics/metrics.json"
    metrics = read_json(path)
    write_json(path, {**metrics, "tuned": {**metrics["tuned"], "accuracy": {"value": 1.0}}})
    assert "tuned.accuracy.value" in verify(request(copied).recipe, RunFolder(copied))


def test_keys_that_an_older_version_did_not_know_do_not_differ(copied):
    path = copied / "5-metrics/metrics.json"
    written = read_json(path)
    older = {key: value for key, value in written.items() if key not in ("forgetting", "clean")}
    write_json(path, {**older, "n": written["n"] + 1})
    found = verification(request(copied).recipe, RunFolder(copied))
    assert (found.differing, found.added) == (["n"], ["clean", "forgetting"])


def test_a_key_that_every_version_wrote_cannot_be_taken_out(copied):
    path = copied / "5-metrics/metrics.json"
    write_json(path, {key: value for key, value in read_json(path).items() if key != "tuned"})
    assert verify(request(copied).recipe, RunFolder(copied)) == ["tuned"]


def test_answers_to_standard_sets_outlive_new_predictions_and_what_goes_is_told(copied):
    kept, measured = (copied / folder / "benchmarks" for folder in ("4-predictions", "5-metrics"))
    for path in (kept / "medqa.tuned.jsonl", measured / "medqa.json"):
        write_json(path, {})
    told = Notes()
    outcome = run(request(copied, "evaluation.few_shot=1"), told)
    assert outcome.ran == ("predict", "score", "report")
    assert (kept / "medqa.tuned.jsonl").is_file()
    assert not measured.exists()
    assert [line for line in told.lines if "5-metrics/benchmarks" in line and "medadapt benchmark" in line]


def test_predictions_of_the_base_with_examples_become_a_control(copied, finished):
    rows = [{**row, "model": "baseline"} for row in read_jsonl(copied / "4-predictions" / "tuned.jsonl")]
    write_jsonl(copied / "4-predictions" / "test.baseline.few_shot.jsonl", rows)
    metrics = run(request(copied, first="score"), Silent()).metrics
    assert metrics["controls"]["few_shot"] == metrics["tuned"]
    assert (metrics["against_few_shot"]["metric"], metrics["against_few_shot"]["value"]) == ("accuracy", 0.0)


def test_deleted_metrics_are_made_again_without_training(copied):
    (copied / "5-metrics/metrics.json").unlink()
    outcome = run(request(copied), Silent())
    assert outcome.ran == ("score",)


def test_deleted_settings_of_asking_are_written_again_without_new_training(copied):
    folder = copied / "3-adapter"
    weights, written = (folder / WEIGHTS).read_bytes(), read_json(folder / ASKING)
    (folder / ASKING).unlink()
    notes = Notes()
    outcome = run(request(copied), notes)
    assert outcome.ran[0] == "train"
    assert "Going on from step 4 of 4." in notes.lines
    assert (folder / WEIGHTS).read_bytes() == weights
    # The copied run's stand-in base has another path.
    model = written["model"] | {"base": str(copied / "0-base")}
    assert read_json(folder / ASKING) == written | {"model": model}
    (folder / ASKING).unlink()
    assert run(request(copied), Silent()).ran == ("train",)


def test_exchanged_adapter_without_effect_is_found(copied):
    path = copied / "3-adapter/adapter_model.safetensors"
    tensors = {name: weight * 0 if "lora_B" in name else weight for name, weight in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
    run(request(copied, first="predict", last="predict"), Silent())
    outcome = run(request(copied, first="score", last="score"), Silent())
    difference = outcome.metrics["difference"]["accuracy"]
    assert (difference["value"], difference["p"], difference["verdict"]) == (0, 1, "not shown")
    assert "no_effect" in {finding["kind"] for finding in outcome.findings}


def test_the_evaluation_is_fixed_before_training_and_a_later_change_is_told(finished, copied):
    fixed = read_json(finished.folder / "run.json")["evaluation_protocol"]["sha256"]
    protocol = finished.metrics["protocol"]
    assert (protocol["fixed_sha256"], protocol["fixed_before_tuning"]) == (fixed, True)

    outcome = run(request(copied, "evaluation.choice_by=per_byte"), Silent())

    assert outcome.ran == ("predict", "score", "report")
    protocol = outcome.metrics["protocol"]
    assert (protocol["fixed_sha256"], protocol["fixed_before_tuning"]) == (fixed, False)


def test_another_number_of_resamples_draws_p_anew_and_is_told_as_another_protocol(copied):
    outcome = run(request(copied, "evaluation.bootstrap_samples=200"), Silent())
    assert outcome.ran == ("score", "report")
    protocol = outcome.metrics["protocol"]
    assert (protocol["fixed_before_tuning"], protocol["fixed_reason"]) == (
        False, "the evaluation was changed after the training had begun (bootstrap_samples)"
    )  # fmt: skip


def test_another_number_of_shown_records_is_asked_anew_and_told_as_another_protocol(copied):
    outcome = run(request(copied, "evaluation.few_shot=1"), Silent())
    assert outcome.ran == ("predict", "score", "report")
    assert outcome.metrics["protocol"]["fixed_before_tuning"] is False
    assert len(read_json(copied / "run.json")["prediction"]["few_shot"]["shown"]) == 1


def test_the_sets_beside_the_usual_one_are_outputs_of_predict(finished, copied):
    outputs = read_json(finished.folder / "run.json")["stages"]["predict"]["outputs"]
    assert outputs.keys() == {path.name for path in (finished.folder / "4-predictions").iterdir()}
    assert {"validation.tuned.jsonl", "test.baseline.few_shot.jsonl"} <= outputs.keys()
    (copied / "4-predictions" / "validation.tuned.jsonl").unlink()
    assert run(request(copied), Silent()).ran == ("predict",)


def test_predictions_of_an_earlier_version_are_still_scored_and_reported(copied):
    """They hold the usual sets alone, without choices by rule, and no protocol was fixed."""
    folder = copied / "4-predictions"
    for path in folder.iterdir():
        if path.name not in ("baseline.jsonl", "tuned.jsonl"):
            path.unlink()
        else:
            rows = [{key: row[key] for key in row if key != "choices"} for row in read_jsonl(path)]
            write_jsonl(path, rows)
    state = read_json(copied / "run.json")
    del state["evaluation_protocol"], state["prediction"]["few_shot"]
    write_json(copied / "run.json", state)

    outcome = run(request(copied, first="score", last="report"), Silent())

    assert outcome.ran == ("score", "report")
    assert "run predict again" in outcome.metrics["scoring_rules"]["relative"]["reason"]
    assert outcome.metrics["protocol"]["fixed_before_tuning"] is None
    assert verify(request(copied).recipe, RunFolder(copied)) == []


def test_a_run_never_starts_from_an_adapter_in_its_own_folder(finished, copied):
    base = str(copied / "0-base")
    own = [f"model.base={base}", f"model.adapter={copied / '3-adapter'}"]
    found = locate(str(copied), output=None, overrides=own)
    asked = RunRequest(recipe=found.recipe, folder=copied, device="cpu", replace=True)

    with pytest.raises(RunFolderError, match="which would replace it"):
        run(asked, Silent())

    assert (copied / "3-adapter" / "adapter_model.safetensors").is_file()


def test_an_adapter_on_the_hub_lies_in_no_folder_of_a_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for adapter in ("hub:owner/name", str(tmp_path.parent / "other")):
        refuse_own_adapter(Path(), adapter)
    with pytest.raises(RunFolderError, match="which would replace it"):
        refuse_own_adapter(Path(), "3-adapter")


def test_an_exchanged_adapter_is_not_scored_by_what_another_one_answered(copied):
    path = copied / "3-adapter/adapter_model.safetensors"
    save_file({name: 2 * weight for name, weight in load_file(path).items()}, path, metadata={"format": "pt"})
    before = read_json(copied / "5-metrics/metrics.json")
    with pytest.raises(RunFolderError, match="3-adapter") as refused:
        run(request(copied, first="score"), Silent())
    assert "medadapt predict" in refused.value.remedy
    assert read_json(copied / "5-metrics/metrics.json") == before


def test_a_file_that_predict_did_not_write_is_told_as_edited(copied):
    added = "validation.tuned.few_shot.jsonl"
    shutil.copy(copied / "4-predictions" / "validation.tuned.jsonl", copied / "4-predictions" / added)
    outcome = run(request(copied, first="score"), Silent())
    assert outcome.metrics["protocol"]["edited"] == [f"4-predictions/{added}"]


def test_examples_of_before_the_chat_template_told_what_precedes_an_answer_are_up_to_date(copied):
    """Their plan says how answers were joined; it is followed, so nothing is to be made again."""
    assert read_json(copied / "run.json")["stages"]["encode"]["inputs"]["version"] == "2"
    assert "join" not in read_json(copied / "2-examples/examples.json")["plan"]
    assert run(request(copied), Silent()).ran == ()


def test_a_trained_run_of_an_earlier_version_is_told_how_it_goes_on_with_its_records(copied):
    state = read_json(copied / "run.json")
    state["stages"]["prepare"]["inputs"]["version"] = "an earlier one"
    write_json(copied / "run.json", state)
    with pytest.raises(RunFolderError, match="earlier version of MedAdapt made 1-records") as refused:
        run(request(copied), Silent())
    assert f"medadapt run {copied} --from encode" in refused.value.remedy
    assert run(request(copied, first="encode"), Silent()).ran == ()
