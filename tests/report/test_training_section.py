"""What the page says about the training."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Facts, Figure, Text
from medadapt.report.training_section import ONLY_MEASURED, training_section

Build = Callable[..., ReportInputs]


def facts_of(inputs: ReportInputs) -> dict[str, str]:
    return dict(row for b in training_section(inputs).blocks if isinstance(b, Facts) for row in b.rows)


def test_engine_start_and_early_end_are_facts(dialogue_inputs: Build) -> None:
    inputs = dialogue_inputs()
    recipe = {**inputs.recipe, "model": {"base": "b", "adapter": "/home/me/runs/first/3-adapter"}}
    recipe["training"] = {**recipe["training"], "trainer": {"neftune_noise_alpha": 5}}
    facts = facts_of(dataclasses.replace(inputs, recipe=recipe))
    assert facts["Training engine"] == "TRL's SFTTrainer"
    assert facts["Settings passed to it"] == "neftune noise alpha 5"
    assert facts["Started from the adapter"] == "first/3-adapter"
    assert facts["Stopped early, for want of a better validation loss"] == "after step 400"


def test_where_the_base_lies_is_told_by_device(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    placement = {"model.layers.0": "0", "model.layers.1": "0", "lm_head": "cpu"}
    offload = {"asked": "cpu", "got": "cpu: 1 of 3 parts in main memory"}
    run = {**inputs.run, "placement": placement, "offload": offload}
    facts = facts_of(dataclasses.replace(inputs, run=run))
    assert facts["Parts of the base on each device"] == "0: 2, cpu: 1"
    assert "1 of 3 parts in main memory" in facts["Layers in main memory"]


def test_a_run_that_only_measures_says_so_and_draws_nothing(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    training = {"steps": 0, "best_step": 0, "stopped_early": None, "backend": "native"}
    measured = dataclasses.replace(
        inputs,
        steps=[],
        run={**inputs.run, "training": training},
        recipe={**inputs.recipe, "model": {"base": "b", "adapter": "hub:owner/name"}},
    )
    blocks = training_section(measured).blocks
    assert [block.text for block in blocks if isinstance(block, Text)] == [ONLY_MEASURED]
    assert not [block for block in blocks if isinstance(block, Figure)]
    assert not {"Step of the kept adapter", "Optimiser steps"} & set(facts_of(measured))


def test_a_smoke_run_starts_from_no_adapter(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    recipe = {**inputs.recipe, "model": {"base": "b", "adapter": "hub:owner/name"}}
    smoke = dataclasses.replace(inputs, recipe=recipe, run={**inputs.run, "smoke": True})
    assert "Started from the adapter" not in facts_of(smoke)


def test_the_learning_curve_names_the_kept_step_and_the_losses_on_test(qa_inputs: Build) -> None:
    figures = {b.file: b for b in training_section(qa_inputs()).blocks if isinstance(b, Figure)}
    caption = figures["learning_curve.png"].caption
    assert "The adapter with the lowest validation loss is kept" in caption
    assert "loss on test, base 2.410, tuned 2.330" in caption


def test_without_validation_the_last_step_is_said_to_be_kept(qa_inputs: Build) -> None:
    inputs = qa_inputs()
    bare = [{key: row[key] for key in row if key != "validation_loss"} for row in inputs.steps]
    figures = {b.file: b for b in training_section(dataclasses.replace(inputs, steps=bare)).blocks
               if isinstance(b, Figure)}  # fmt: skip
    assert "No validation loss was measured" in figures["learning_curve.png"].caption
