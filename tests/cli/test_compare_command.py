"""`medadapt compare`: the same records or none, and what else differs between two runs."""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from measured_runs import diagnoses, measured_run, predicted, score_again, write_measured
from medadapt.core.errors import DataError, MedAdaptError, RunFolderError
from medadapt.core.files import read_json, write_json
from medadapt.core.recipe_reading import read_recipe
from medadapt.core.run_folder import RunFolder
from medadapt.report import wording
from medadapt.workflow.stage_inputs import stage_inputs
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import read_state, write_state

TRUTH = ["Flu", "Cold"] * 20
WRONG = ["Cold", "Flu"] * 20
BASELINE = [*TRUTH[:10], *WRONG[10:]]


@pytest.fixture
def make(finished: Path, tmp_path: Path) -> Callable[..., Path]:
    """A measured run whose tuned model is right on the records from `low` to `high`."""

    def build(name: str, low: int, high: int, **asked) -> Path:
        tuned = [*WRONG[:low], *TRUTH[low:high], *WRONG[high:]]
        return measured_run(
            finished, tmp_path / name, diagnoses(TRUTH), baseline=BASELINE, tuned=tuned, **asked
        )

    return build


def state_as_of_its_recipe(folder: Path) -> None:
    """Let run.json say that all stages have run with the recipe as it is now."""
    run, recipe = RunFolder(folder), read_recipe(folder / "recipe.yaml")
    state = read_state(run)
    for stage in (stage for stage in STAGES if stage.name in state.stages):
        made = state.stages[stage.name]
        inputs = made.inputs | stage_inputs(stage, recipe, before={}, sources={}, smoke=state.smoke)
        state = state.with_stage(stage.name, replace(made, inputs=inputs))
    write_state(run, state)


@pytest.fixture
def compared(use) -> Callable[..., dict]:
    """The JSON of `medadapt compare`."""

    def call(*words: object) -> dict:
        code, out, _ = use("compare", *words, "--json")
        found = json.loads(out)
        assert code == found["exit_code"] == 0
        return found

    return call


def test_the_second_run_is_held_against_the_first_by_an_exact_paired_test(make, compared):
    first, second = make("one", 0, 12), make("two", 2, 30)

    found = compared(first, second)

    change = found["difference"]["accuracy"]
    assert change["value"] == pytest.approx(16 / 40)
    assert change["p"] == pytest.approx(stats.binomtest(2, 20, 0.5).pvalue)
    assert change["verdict"] == "better"
    assert found["discordant"]["first_right"] == ["t0000", "t0001"]
    assert found["discordant"]["second_right"] == [f"t{number:04d}" for number in range(12, 30)]
    assert found["baseline"]["first"]["accuracy"] == found["baseline"]["second"]["accuracy"]
    assert found["records"] == {"shared": 40, "only_first": 0, "only_second": 0, "changed": 0}
    assert found["runs"]["second"]["run"] == str(second)


def test_each_metric_shows_the_p_that_its_verdict_rests_on(make, compared, use):
    first, second = make("one", 0, 16), make("two", 4, 24)
    change = compared(first, second)["difference"]["macro_f1"]
    told, raw = (f"p = {wording.p_value(change[key])}" for key in ("p_adjusted", "p"))

    _, out, _ = use("compare", first, second)

    row = out[out.index("Macro F1") :]
    assert told in row
    assert raw not in row
    assert "adjusted for their number (Holm)" in out


def test_a_worse_second_run_is_no_error_and_told_in_words(make, use):
    code, out, _ = use("compare", make("one", 0, 40), make("two", 10, 20))

    assert code == 0
    told = " ".join(out.split())
    assert "The second run is worse." in told
    assert (
        "On the same 40 test records the tuned model of the second run is right in 25.0%, that of the first in 100.0%"
        in told
    )
    assert "On 30 records only one of them is right: the first on 30, the second on 0." in told


def test_equal_runs_are_not_told_to_be_equal(make, use):
    first = make("one", 0, 20)
    code, out, _ = use("compare", first, first)
    assert code == 0
    assert "No difference shown." in out
    assert "That is no proof that they are equal." in " ".join(out.split())
    assert "The adapters are the same file" in out


def test_the_comparison_is_written_where_it_is_asked_for_and_never_into_a_run(make, use, tmp_path):
    first, second = make("one", 0, 12), make("two", 2, 30)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    _, out, _ = use("compare", first, second, "--json", "-o", tmp_path / "found" / "c.json")

    written = json.loads((tmp_path / "found" / "c.json").read_text())
    assert {**written, "exit_code": 0} == json.loads(out)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    del after[tmp_path / "found" / "c.json"]
    assert after == before


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("folder", "is a folder"),
        ("file/x.json", "file is a file"),
        ("file/deep/x.json", "file is a file"),
        ("one/run.json", "lies in .*one, one of the runs"),
        ("two/5-metrics/new.json", "lies in .*two, one of the runs"),
        ("folder/../one/c.json", "lies in .*one, one of the runs"),
    ],
)
def test_no_comparison_is_written_over_a_folder_or_into_a_run(name, fault, use, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    # Neither is a run: the output is looked at before anything is read.
    for run in ("one", "two"):
        (tmp_path / run).mkdir()

    with pytest.raises(MedAdaptError, match=fault) as refused:
        use("compare", tmp_path / "one", tmp_path / "two", "-o", tmp_path / name)

    assert refused.value.exit_code == 2
    assert "Name a file" in refused.value.remedy
    assert (tmp_path / "file").read_text() == "kept"


def test_other_test_records_are_refused_with_their_counts(make, use, finished, tmp_path):
    other = measured_run(
        finished, tmp_path / "two", diagnoses(TRUTH[:30], start=15), baseline=TRUTH[:30], tuned=WRONG[:30]
    )
    with pytest.raises(RunFolderError) as problem:
        use("compare", make("one", 0, 12), other)
    # The labels alternate, so every second shared record has another label, which is other content.
    assert "0 shared, 15 only in the first, 5 only in the second, 25 with one id and two contents" in str(
        problem.value
    )
    assert problem.value.exit_code == 2


def test_the_shared_records_are_compared_on_request_and_it_is_said(make, compared, use, finished, tmp_path):
    first = make("one", 0, 20)
    other = measured_run(
        finished, tmp_path / "two", diagnoses(TRUTH[:30], start=10), baseline=TRUTH[:30], tuned=TRUTH[:30]
    )
    with pytest.raises(RunFolderError, match="Add --intersection to compare them on the 30 shared ones"):
        use("compare", first, other)

    found = compared(first, other, "--intersection")

    assert found["n"] == 30
    assert found["tuned"]["first"]["accuracy"]["value"] == pytest.approx(10 / 30)
    assert found["tuned"]["second"]["accuracy"]["value"] == 1
    assert found["discordant"]["second_right"] == [f"t{number:04d}" for number in range(20, 40)]
    assert found["told"][0].startswith("Only the 30 test records that both runs hold are compared")


def test_without_a_shared_record_not_even_the_intersection_is_compared(make, use, finished, tmp_path):
    other = measured_run(finished, tmp_path / "two", diagnoses(TRUTH, start=90), baseline=TRUTH, tuned=TRUTH)
    with pytest.raises(RunFolderError, match="0 shared, 40 only in the first, 40 only in the second"):
        use("compare", make("one", 0, 12), other, "--intersection")


def test_other_prompts_and_another_primary_are_told(make, compared, finished, tmp_path):
    first = make("one", 0, 12)
    second = make("two", 0, 12, overrides=["evaluation.primary=macro_f1"])
    records = diagnoses(TRUTH)
    rows = {model: predicted(records, TRUTH, model=model) for model in ("baseline", "tuned")}
    asked = {model: [replace(row, prompt_sha256="other") for row in rows[model]] for model in rows}
    write_measured(second, records, asked["baseline"], asked["tuned"])
    score_again(second)

    found = compared(first, second)

    assert found["primary"] == "accuracy"
    assert "The prompts differ on 40 of 40 records." in found["told"]
    assert (
        "The primary metrics differ: accuracy and macro_f1; that of the first run is used." in found["told"]
    )


@pytest.mark.parametrize("more", [[], ["Gout"]])
def test_a_run_that_looked_for_the_best_labels_alone_is_known_by_the_labels_it_was_encoded_with(
    make, compared, more
):
    first, second = make("one", 0, 12), make("two", 0, 12)
    recipe = second / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("score_choices: all", "score_choices: best"))
    records = diagnoses(TRUTH)
    rows = {
        model: [
            replace(
                row,
                scores={row.choice: -0.1},
                choices=dict.fromkeys(("sum", "per_token", "per_byte"), row.choice),
                probabilities=None,
            )
            for row in predicted(records, TRUTH, model=model)
        ]
        for model in ("baseline", "tuned")
    }
    write_measured(second, records, rows["baseline"], rows["tuned"])
    examples = read_json(second / "2-examples" / "examples.json")
    examples["plan"]["labels"] += more
    write_json(second / "2-examples" / "examples.json", examples)
    state_as_of_its_recipe(second)
    score_again(second)

    told = compared(first, second)["told"]

    assert ("The models chose among different labels." in told) == bool(more)


def test_other_weights_another_number_format_and_a_smoke_run_are_told(make, compared):
    first, second = make("one", 0, 12), make("two", 2, 30)
    path, state = second / "5-metrics" / "metrics.json", second / "run.json"
    metrics = read_json(path)
    base, dtype = (metrics["protocol"][key] for key in ("base", "dtype"))
    (same,) = compared(first, second)["told"]
    assert same.startswith("The adapters are the same file (")

    for change, told in (
        ({"base": "another/base", "base_sha256": "0" * 64}, f"The bases differ: {base} and another/base."),
        ({"base_sha256": "0" * 64}, f"The bases are both called {base}, but hold other weights."),
        ({"dtype": "bfloat16"}, f"The number formats differ: {dtype} and bfloat16."),
    ):
        write_json(path, metrics | {"protocol": metrics["protocol"] | change})
        assert {*compared(first, second)["told"]} == {same, told}

    write_json(path, metrics)
    write_json(state, read_json(state) | {"smoke": True})
    assert f"{second} is a smoke run: its numbers mean nothing." in compared(first, second)["told"]


def test_a_run_that_is_not_measured_is_named(make, use, tmp_path):
    first, second = make("one", 0, 12), make("two", 2, 30)
    shutil.rmtree(second / "5-metrics")
    with pytest.raises(RunFolderError, match=r"two is not measured.*metrics\.json"):
        use("compare", first, second)


def test_a_search_is_pointed_to_its_winner(make, use):
    first, second = make("one", 0, 12), make("two", 2, 30)
    shutil.rmtree(second / "5-metrics")
    (second / "search" / "winner").mkdir(parents=True)
    with pytest.raises(RunFolderError, match="winner of its search"):
        use("compare", first, second)


def test_metrics_that_do_not_follow_from_the_predictions_are_refused(make, use):
    first, second = make("one", 0, 12), make("two", 2, 30)
    path = second / "5-metrics" / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["tuned"]["accuracy"]["value"] = 0.99
    path.write_text(json.dumps(metrics))
    with pytest.raises(RunFolderError, match=r"do not follow from its predictions: tuned\.accuracy\.value"):
        use("compare", first, second)


def test_the_commands_told_for_changed_records_bring_them_back_and_keep_the_training(
    finished, tmp_path, use, capsys
):
    folder = Path(shutil.copytree(finished, tmp_path / "mended"))
    path, weights = folder / "1-records/test.jsonl", folder / "3-adapter/adapter_model.safetensors"
    as_it_was, trained = path.read_bytes(), weights.stat().st_mtime_ns
    path.write_bytes(as_it_was.replace(b'"subject": null', b'"subject": "none"', 1))
    code, out, _ = use("score", folder, "--json")
    assert code == 3
    (finding,) = (one for one in json.loads(out)["findings"] if one["kind"] == "edited")
    with pytest.raises(RunFolderError, match="not as MedAdapt left them") as refused:
        use("compare", folder, finished)
    capsys.readouterr()
    assert finding["remedy"].replace("RUN", str(folder)) == refused.value.remedy

    for told in refused.value.remedy.split("`")[1::2]:
        code, out, _ = use(*shlex.split(told)[1:], "--json")

    assert "edited" not in {one["kind"] for one in json.loads(out)["findings"]}
    assert path.read_bytes() == as_it_was
    assert weights.stat().st_mtime_ns == trained


def test_an_edited_prediction_is_refused(make, use):
    first, second = make("one", 0, 12), make("two", 2, 30)
    records = diagnoses(TRUTH)
    rows = [predicted(records, choices, model="") for choices in (BASELINE, TRUTH)]
    write_measured(second, records, *rows)
    with pytest.raises(RunFolderError, match="two do not follow from its predictions"):
        use("compare", first, second)


def test_metrics_of_another_version_are_no_reason_to_refuse(make, compared):
    first, second = make("one", 0, 12), make("two", 2, 30)
    path = second / "5-metrics" / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["calibration"], metrics["tuned"]["macro_f1"]["reason"]
    path.write_text(json.dumps(metrics | {"mood": 1}))
    assert compared(first, second)["difference"]["accuracy"]["verdict"] == "better"


def test_damaged_predictions_are_refused_with_file_and_line(make, use):
    first, second = make("one", 0, 12), make("two", 2, 30)
    path = second / "4-predictions" / "tuned.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"two/4-predictions/tuned\.jsonl:40 is damaged"):
        use("compare", first, second)


def test_runs_of_other_tasks_are_refused(make, use, finished, tmp_path):
    first, second = make("one", 0, 12), make("two", 2, 30)
    path = second / "recipe.yaml"
    path.write_text(path.read_text().replace("format: symptom_table", "format: question_answer"))
    state_as_of_its_recipe(second)
    shutil.rmtree(second / "5-metrics")
    score_again(second)
    with pytest.raises(RunFolderError, match=r"one is of task diagnosis, .*two of task qa"):
        use("compare", first, second)
