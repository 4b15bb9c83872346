"""What fixes the evaluation before tuning, what counts as another protocol, and what does not."""

from __future__ import annotations

import pytest

from medadapt.core.recipe import Recipe
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.protocol import FIXED, protocol_facts, protocol_sha256, protocol_to_fix


@pytest.fixture
def run(tmp_path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.records.mkdir(parents=True)
    (made.records / "test.jsonl").write_text('{"id": "a"}\n')
    return made


def recipe(**sections) -> Recipe:
    values = {"data": {"format": "multiple_choice", "source": "x"}, "model": {"base": "b"}}
    return Recipe.model_validate(values | sections)


@pytest.mark.parametrize(
    "changed",
    [
        {"evaluation": {"primary": "macro_f1"}},
        {"evaluation": {"method": "generate"}},
        {"evaluation": {"choice_by": "per_byte"}},
        {"evaluation": {"alpha": 0.01}},
        {"evaluation": {"method": "generate", "max_new_tokens": 5}},
        {"evaluation": {"few_shot": 2}},
        {"evaluation": {"forgetting_margin": 0.5}},
        {"evaluation": {"forgetting": "off"}},
        {"prompt": {"options": False}},
        {"prompt": {"system": "Be brief."}},
    ],
)
def test_what_decides_the_verdict_makes_another_protocol(run, changed):
    assert protocol_sha256(recipe(**changed), run) != protocol_sha256(recipe(), run)


@pytest.mark.parametrize(
    "changed",
    [
        {"evaluation": {"bootstrap_samples": 500}},
        {"evaluation": {"permutations": 4, "also_score": ["text"]}},
        {"evaluation": {"primary": "accuracy", "method": "score"}},  # what `auto` is in any case
        {"training": {"epochs": 9}},
        {"name": "another"},
    ],
)
def test_further_ways_of_asking_and_finer_intervals_change_no_protocol(run, changed):
    assert protocol_sha256(recipe(**changed), run) == protocol_sha256(recipe(), run)


def test_other_test_records_make_another_protocol(run):
    before = protocol_sha256(recipe(), run)
    (run.records / "test.jsonl").write_text('{"id": "b"}\n')
    assert protocol_sha256(recipe(), run) != before


def test_a_training_that_goes_on_keeps_what_was_fixed_when_it_began(run):
    assert protocol_to_fix(recipe(), run) == protocol_sha256(recipe(), run)
    (run.adapter / "checkpoints" / "step-4").mkdir(parents=True)
    assert protocol_to_fix(recipe(), run) is None


def test_metrics_say_whether_the_protocol_in_force_is_the_fixed_one(run):
    fixed = protocol_to_fix(recipe(), run)
    same, other = recipe(evaluation={"bootstrap_samples": 100}), recipe(evaluation={"alpha": 0.1})

    assert protocol_facts(same, run, {FIXED: fixed}) == {
        "fixed_sha256": fixed, "fixed_before_tuning": True, "fixed_reason": None
    }  # fmt: skip
    found = protocol_facts(other, run, {FIXED: fixed})
    assert (found["fixed_sha256"], found["fixed_before_tuning"]) == (fixed, False)
    assert "changed after the training" in found["fixed_reason"]


def test_a_run_without_a_fixed_protocol_says_why(run):
    assert protocol_facts(recipe(), run, {}) == {
        "fixed_sha256": None,
        "fixed_before_tuning": None,
        "fixed_reason": "no protocol was written down when the training began",
    }


def test_an_adapter_that_is_only_evaluated_was_tuned_before(run):
    evaluated = recipe(model={"base": "b", "adapter": "a"}, training={"epochs": 0})
    assert protocol_to_fix(evaluated, run) is None
    found = protocol_facts(evaluated, run, {FIXED: "of an earlier training"})
    assert found["fixed_before_tuning"] is found["fixed_sha256"] is None
    assert "before this run" in found["fixed_reason"]
