"""A stored plan comes back as it was, and one that does not fit is told key by key."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import DataError, ModelError
from medadapt.core.files import write_json
from medadapt.examples.encoding import load_encoder
from medadapt.examples.plan import EncodingPlan, plan_from_json, plan_to_json
from medadapt.examples.templates import Wording

PLAN = EncodingPlan(
    wording=Wording(template="dialogue", system="Be kind.", options=False, answer="text"),
    chat=False,
    max_length=512,
    prompt_limit=384,
    closing="</s>",
    labels=("Flu", "Gout"),
)


@pytest.mark.parametrize("join", ["plain", "template"])
def test_a_plan_comes_back_from_json(join: Any):
    plan = replace(PLAN, join=join)

    assert plan_from_json(json.loads(json.dumps(plan_to_json(plan)))) == plan


def test_a_plain_plan_is_stored_and_read_as_before_there_was_another_join():
    assert "join" not in plan_to_json(PLAN)
    assert plan_from_json(plan_to_json(PLAN)).join == "plain"


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        ("chat", None, "chat: None"),
        ("max_length", "512", "max_length: '512'"),
        ("max_length", True, "max_length: True"),
        ("prompt_limit", 0, "prompt_limit: 0"),
        ("closing", "", "closing: ''"),
        ("labels", ["Flu", 3], "labels: ['Flu', 3]"),
        ("join", "glue", "join: 'glue'"),
        ("wording", "question", "wording: 'question'"),
        ("wording.template", "poem", "wording.template: 'poem' is no template of this version"),
        ("wording.answer", ["text"], "wording.answer: ['text']"),
        ("temperature", 1, "temperature: unknown"),
        ("wording.tone", "kind", "wording.tone: unknown"),
    ],
)
def test_a_value_that_does_not_fit_is_named(place: str, value: Any, told: str):
    stored = plan_to_json(PLAN)
    inner = stored["wording"] if place.startswith("wording.") else stored
    inner[place.removeprefix("wording.")] = value

    with pytest.raises(DataError) as refusal:
        plan_from_json(stored, where="medadapt.json")

    assert refusal.value.problem == f"medadapt.json holds no plan that this version can use: {told}."


def test_every_missing_key_is_named():
    for inner, prefix in ((lambda plan: plan, ""), (lambda plan: plan["wording"], "wording.")):
        for name in inner(plan_to_json(PLAN)):
            stored = copy.deepcopy(plan_to_json(PLAN))
            del inner(stored)[name]

            with pytest.raises(DataError, match=f"{prefix}{name}: missing"):
                plan_from_json(stored)


@pytest.mark.parametrize("stored", [None, [], "plan", 3])
def test_something_else_than_a_plan_is_refused(stored: Any):
    with pytest.raises(DataError, match="it is missing"):
        plan_from_json(stored)


def test_a_summary_without_a_plan_is_refused(tmp_path: Path, bytes_only: Any):
    write_json(tmp_path / "examples.json", {"splits": {}})

    with pytest.raises(DataError, match=r"examples\.json holds no plan"):
        load_encoder(tmp_path, bytes_only)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path, bytes_only: Any):
    foreign = plan_to_json(PLAN) | {"closing": "<|im_end|>"}
    write_json(tmp_path / "examples.json", {"plan": foreign})

    with pytest.raises(ModelError, match=r"no token '<\|im_end\|>'"):
        load_encoder(tmp_path, bytes_only)
