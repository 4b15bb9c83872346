"""What fixes the evaluation before tuning, what counts as another protocol, and what does not."""

from __future__ import annotations

import pytest

from medadapt.core.recipe import Recipe
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.protocol import FIXED, protocol_facts, protocol_to_fix, protocol_values

DATA = {"format": "multiple_choice", "source": "x"}


@pytest.fixture
def run(tmp_path) -> RunFolder:
    made = RunFolder(tmp_path / "run")
    made.records.mkdir(parents=True)
    (made.records / "test.jsonl").write_text('{"id": "a"}\n')
    return made


def recipe(**sections) -> Recipe:
    values = {"data": DATA, "model": {"base": "b"}}
    return Recipe.model_validate(values | sections)


@pytest.mark.parametrize(
    "changed",
    [
        {"evaluation": {"primary": "macro_f1"}},
        {"evaluation": {"method": "generate"}},
        {"evaluation": {"choice_by": "per_byte"}},
        {"evaluation": {"alpha": 0.01}},
        {"evaluation": {"bootstrap_samples": 500}},
        {"evaluation": {"method": "generate", "max_new_tokens": 5}},
        {"evaluation": {"few_shot": 2}},
        {"evaluation": {"forgetting_margin": 0.5}},
        {"evaluation": {"forgetting": "off"}},
        {"evaluation": {"method": "generate"}, "data": {**DATA, "aliases": {"shakes": "Malaria"}}},
        {"prompt": {"options": False}},
        {"prompt": {"system": "Be brief."}},
    ],
)
def test_what_decides_the_verdict_makes_another_protocol(run, changed):
    assert protocol_values(recipe(**changed), run) != protocol_values(recipe(), run)


@pytest.mark.parametrize(
    "changed",
    [
        {"evaluation": {"permutations": 4, "also_score": ["text"]}},
        {"evaluation": {"primary": "accuracy", "method": "score"}},  # what `auto` is in any case
        {"training": {"epochs": 9}},
        {"name": "another"},
    ],
)
def test_further_ways_of_asking_change_no_protocol(run, changed):
    assert protocol_values(recipe(**changed), run) == protocol_values(recipe(), run)


def test_other_test_records_make_another_protocol(run):
    before = protocol_values(recipe(), run)
    (run.records / "test.jsonl").write_text('{"id": "b"}\n')
    assert protocol_values(recipe(), run) != before


def test_a_training_that_goes_on_keeps_what_was_fixed_when_it_began(run):
    fixed = protocol_to_fix(recipe(), run)
    assert fixed is not None
    assert fixed["values"] == protocol_values(recipe(), run)
    (run.adapter / "checkpoints" / "step-4").mkdir(parents=True)
    assert protocol_to_fix(recipe(), run) is None


def test_metrics_say_whether_the_protocol_in_force_is_the_fixed_one(run):
    fixed = protocol_to_fix(recipe(), run)
    same, other = recipe(evaluation={"permutations": 2}), recipe(evaluation={"alpha": 0.1})

    assert protocol_facts(same, run, {FIXED: fixed}) == {
        "fixed_sha256": fixed["sha256"], "fixed_before_tuning": True, "fixed_reason": None
    }  # fmt: skip
    found = protocol_facts(other, run, {FIXED: fixed})
    assert (found["fixed_sha256"], found["fixed_before_tuning"]) == (fixed["sha256"], False)
    assert found["fixed_reason"] == "the evaluation was changed after the training had begun (alpha)"


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


def test_a_version_that_fixes_more_accuses_nobody_of_having_changed_it(run):
    fixed = protocol_to_fix(recipe(), run)
    assert fixed is not None
    added = {"few_shot": 2, "bootstrap_samples": 500}
    known = {key: value for key, value in fixed["values"].items() if key not in added}

    found = protocol_facts(recipe(evaluation=added), run, {FIXED: {**fixed, "values": known}})

    assert found["fixed_before_tuning"] is True


def test_a_bare_hash_of_an_earlier_version_proves_nothing(run):
    found = protocol_facts(recipe(), run, {FIXED: "0" * 64})
    assert found["fixed_before_tuning"] is None
