"""Gates decide the exit code, also of a run in which nothing is left to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from medadapt.core.errors import MedAdaptError
from medadapt.core.files import write_json, write_text
from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outcome import run
from medadapt.workflow.outputs import output_hash, outputs_of
from medadapt.workflow.request import RunRequest
from medadapt.workflow.stage_inputs import stage_inputs
from medadapt.workflow.stages import STAGES
from medadapt.workflow.state import RunState, StageState, write_state


def finished_run(folder, codes, *, smoke=False, forgetting=None, fixed=True):
    """A run folder as six finished stages leave it, with findings of these exit codes, and its request."""
    values = {"data": {"format": "symptom_table", "source": "sample:rows/symptoms"}, "model": {"base": "b"}}
    recipe, run_folder = recipe_from(values, where="test"), RunFolder(folder)
    findings = [{"kind": "leak", "exit_code": code, "problem": "p", "remedy": "r"} for code in codes]
    stages, before = {}, {}
    for stage in STAGES:
        for pattern in stage.outputs:
            write_text(stage.path(run_folder) / pattern.replace("*", "x"), stage.name)
        if stage.name == "score":
            metrics = {
                "findings": findings,
                "forgetting": forgetting,
                "protocol": {"fixed_before_tuning": fixed},
            }
            write_json(stage.path(run_folder) / "metrics.json", metrics)
        sources = stage.sources(recipe) if stage.sources else {}
        inputs = stage_inputs(stage, recipe, before=before, sources=sources, smoke=smoke)
        marks = outputs_of(stage, run_folder)
        stages[stage.name] = StageState(status="done", inputs=inputs, outputs=marks)
        before[stage.name] = output_hash(marks)
    write_state(run_folder, RunState(name="run", status="done", smoke=smoke, stages=stages, started="2024"))
    return RunRequest(recipe=recipe, folder=folder, smoke=smoke)


@pytest.mark.parametrize(
    ("codes", "expected"), [([], 0), ([0], 0), ([3], 3), ([0, 3], 3), ([4, 3], 4), ([3, 4, 0], 4)]
)
def test_gravest_finding_is_the_exit_code_of_a_skipped_run(tmp_path, codes, expected):
    outcome = run(finished_run(tmp_path, codes), Silent())
    assert outcome.ran == ()
    assert outcome.exit_code == expected


def test_smoke_run_only_tells_its_findings(tmp_path):
    outcome = run(finished_run(tmp_path, [3, 4], smoke=True), Silent())
    assert outcome.exit_code == 0
    assert len(outcome.findings) == 2


def test_run_that_ends_before_scoring_has_no_metrics(tmp_path):
    request = finished_run(tmp_path, [3])
    early = RunRequest(recipe=request.recipe, folder=tmp_path, last="predict")
    outcome = run(early, Silent())
    assert (outcome.metrics, outcome.report, outcome.exit_code) == (None, None, 0)


@pytest.mark.parametrize(("verdict", "expected"), [("kept", 0), ("not shown", 3), ("lost", 3), (None, 3)])
def test_asked_for_a_gate_only_what_is_shown_to_be_kept_passes(tmp_path, verdict, expected):
    request = finished_run(tmp_path, [], forgetting={"verdict": verdict})
    assert run(request, Silent()).exit_code == 0
    assert run(replace(request, gate=True), Silent()).exit_code == expected


@pytest.mark.parametrize(("fixed", "expected"), [(True, 0), (None, 0), (False, 3)])
def test_a_gate_is_not_passed_by_a_margin_that_was_changed_after_the_training(tmp_path, fixed, expected):
    request = finished_run(tmp_path, [0], forgetting={"verdict": "kept"}, fixed=fixed)
    assert run(request, Silent()).exit_code == 0
    outcome = run(replace(request, gate=True), Silent())
    assert outcome.exit_code == expected
    kinds = [finding["kind"] for finding in outcome.findings]
    assert kinds == ["leak", *(["changed_yardstick"] if expected else [])]


@pytest.mark.parametrize("forgetting", [None, {"reason": "general text was not measured"}])
def test_a_gate_that_fails_for_want_of_a_measurement_says_so_and_how_to_make_it(tmp_path, forgetting):
    request = finished_run(tmp_path, [], forgetting=forgetting)
    assert run(request, Silent()).findings == ()
    outcome = run(replace(request, gate=True), Silent())
    assert (outcome.exit_code, [one["kind"] for one in outcome.findings]) == (3, ["not_measured"])
    assert f"`medadapt run {tmp_path} --from predict --replace --gate`" in outcome.findings[0]["remedy"]


@pytest.mark.parametrize("changes", [{"last": "predict"}, {"recipe": "off"}])
def test_a_gate_that_nothing_is_held_against_is_refused(tmp_path, changes):
    request = finished_run(tmp_path, [])
    if "recipe" in changes:
        evaluation = request.recipe.evaluation.model_copy(update={"forgetting": "off"})
        changes = {"recipe": request.recipe.model_copy(update={"evaluation": evaluation})}
    with pytest.raises(MedAdaptError, match="--gate") as told:
        run(replace(request, gate=True, **changes), Silent())
    assert told.value.exit_code == 2
