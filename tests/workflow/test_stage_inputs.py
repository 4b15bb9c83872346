from __future__ import annotations

from dataclasses import replace

import pytest

from medadapt.core.recipe import EvaluationSection, SoftMatchSection
from medadapt.core.recipe_reading import recipe_from
from medadapt.workflow.stage_inputs import PROTECTED, changed_inputs, differences, stage_inputs
from medadapt.workflow.stages import STAGES


def recipe(*overrides):
    values = {
        "data": {"format": "symptom_table", "source": "a.csv"},
        "model": {"base": "b"},
        "evaluation": {"method": "generate"},
    }
    return recipe_from(values, where="test", overrides=overrides)


def inputs(name, *overrides, before=None, sources=None, smoke=False):
    stage = next(stage for stage in STAGES if stage.name == name)
    return stage_inputs(stage, recipe(*overrides), before=before or {}, sources=sources or {}, smoke=smoke)


CHANGES = [
    # (override, the first stage whose result it changes)
    ("data.source=other.csv", "prepare"),
    ("seed=1", "prepare"),
    ("prompt.system=Answer briefly.", "encode"),
    ("examples.max_length=64", "encode"),
    ("model.base=other", "encode"),
    ("lora.rank=4", "train"),
    ("training.learning_rate=0.1", "train"),
    ("data.allow_leak=true", "score"),
    ("name=other", "report"),
    ("training.log_every=3", None),
    ("training.keep=9", None),
    ("training.micro_tokens=64", None),
    ("training.checkpointing=on", None),
]


@pytest.mark.parametrize(("override", "first"), CHANGES)
def test_change_reaches_its_own_stage_first(override, first):
    changed = [stage.name for stage in STAGES if inputs(stage.name) != inputs(stage.name, override)]
    assert (changed[0] if changed else None) == first


ASKED = {
    "method": "score",
    "max_new_tokens": 5,
    "embedding_model": "folder",
    "choice_by": "per_byte",
    "score_choices": "best",
    "few_shot": 1,
    "permutations": 2,
    "also_score": ("text",),
    "retrieval": True,
    "forgetting": "off",
}
"""Keys of `evaluation` that decide what the models are asked, each with another value than its default."""
JUDGED = {
    "primary": "macro_f1",
    "alpha": 0.01,
    "bootstrap_samples": 500,
    "soft_match": SoftMatchSection(threshold=0.9),
    "forgetting_margin": 0.5,
}
"""Those by which their answers are judged."""


def test_every_key_of_the_evaluation_asks_or_judges():
    assert ASKED.keys() | JUDGED.keys() == EvaluationSection.model_fields.keys()


@pytest.mark.parametrize(
    ("key", "value", "first"),
    [(key, value, "predict") for key, value in ASKED.items()]
    + [(key, value, "score") for key, value in JUDGED.items()],
)
def test_another_evaluation_reaches_the_stage_that_asks_or_judges_first(key, value, first):
    plain = recipe()
    other = plain.model_copy(update={"evaluation": plain.evaluation.model_copy(update={key: value})})
    given = {"before": {}, "sources": {}, "smoke": False}
    changed = [
        stage.name
        for stage in STAGES
        if stage_inputs(stage, plain, **given) != stage_inputs(stage, other, **given)
    ]
    assert changed[0] == first


@pytest.mark.parametrize("override", ["data.aliases={shakes: Malaria}", "seed=1", "model.precision=fp32"])
def test_models_are_asked_again_with_other_aliases_another_seed_or_another_precision(override):
    assert inputs("predict", override) != inputs("predict")


@pytest.mark.parametrize(
    "given",
    [{"before": {"prepare": "x"}}, {"sources": {"a.csv": "x"}}, {"smoke": True}],
    ids=["stage before", "source file", "smoke"],
)
def test_what_lies_outside_of_the_recipe_counts_too(given):
    assert inputs("encode", **given) != inputs("encode")


def test_a_stage_that_computes_something_else_than_before_runs_again():
    score = next(stage for stage in STAGES if stage.name == "score")
    older = replace(score, version="1")
    given = {"before": {"predict": "x"}, "sources": {}, "smoke": False}
    found = changed_inputs(stage_inputs(older, recipe(), **given), stage_inputs(score, recipe(), **given))
    assert found == ["version"]


def test_differences_name_key_old_and_new_value():
    lines = differences(
        recipe(), recipe("data.split.train=0.7", "data.split.test=0.2", "lora.rank=4"), PROTECTED
    )
    assert lines == ["data.split.train: 0.8 -> 0.7", "data.split.test: 0.1 -> 0.2", "lora.rank: 16 -> 4"]


def test_differences_leave_out_what_does_not_matter():
    new = recipe("training.log_every=2", "training.micro_tokens=64", "evaluation.alpha=0.2")
    assert differences(recipe(), new, PROTECTED) == []


def test_changed_inputs_are_named():
    assert changed_inputs({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}) == ["b", "c"]
