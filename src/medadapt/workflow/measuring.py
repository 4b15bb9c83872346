"""Predictions -> metrics, as plain values: used by the score stage and again by `report --verify`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.core.recipe import Recipe
from medadapt.core.records import read_records
from medadapt.core.results import MODEL_NAMES, START_ADAPTER, Metrics, Prediction, Protocol
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.documents import evaluated, read_leakage, weights_of
from medadapt.workflow.measured import check_weighed, edited_files, read_measured
from medadapt.workflow.protocol import protocol_facts
from medadapt.workflow.retrieving import search_facts
from medadapt.workflow.starting import with_start

if TYPE_CHECKING:
    from medadapt.metrics.calibration.calibration import Validation


def measure(recipe: Recipe, run: RunFolder, facts: Mapping[str, Any]) -> Metrics:
    """The content of metrics.json, computed from the records and predictions of a run.

    `facts` are those of run.json; read are `versions`, what is known of the start adapter, and of `prediction` what is
    known of the base there.
    Raises RunFolderError or DataError, with the file, where one of those that this rests on is missing or damaged.
    """
    from medadapt.metrics.gates import findings
    from medadapt.metrics.scoring import ScoreInputs, score

    measured, asked = read_measured(run), evaluated(run, facts)
    check_weighed(recipe, run, measured)
    metrics = score(
        ScoreInputs(
            task=recipe.task,
            primary=recipe.primary,
            alpha=recipe.evaluation.alpha,
            bootstrap_samples=recipe.evaluation.bootstrap_samples,
            seed=recipe.seed,
            train=list(read_records(run.records / "train.jsonl")),
            test=measured.test,
            baseline=measured.baseline,
            tuned=measured.tuned,
            further=measured.further,
            leakage=with_start(read_leakage(run), facts.get(START_ADAPTER)),
            vocabulary_size=asked["vocabulary_size"],
            protocol=_protocol(recipe, run, facts, measured.baseline),
            choice_by=recipe.evaluation.choice_by,
            soft_match=recipe.evaluation.soft_match,
            embedding=asked.get("embedding"),
            no_examples=(asked.get("few_shot") or {}).get("reason"),
            forgetting_margin=recipe.evaluation.forgetting_margin,
            validation=_validation(run, measured.further),
            search=search_facts(run.predictions),
        )
    )
    found = findings(metrics, allow_leak=recipe.data.allow_leak)
    return {**metrics, "findings": [dataclasses.asdict(finding) for finding in found]}


def _validation(run: RunFolder, further: Mapping[str, list[Prediction]]) -> Validation:
    """Validation records with both models' predictions of them; empty where one model has none."""
    from medadapt.metrics.calibration.calibration import Validation

    stems = {name: f"validation.{name}" for name in MODEL_NAMES}
    if not all(stem in further for stem in stems.values()):
        return Validation()
    return Validation(
        records=list(read_records(run.records / "validation.jsonl")),
        predictions={name: further[stem] for name, stem in stems.items()},
    )


def detectable_facts(recipe: Recipe, run: RunFolder) -> dict[str, Any]:
    """What the test set of a run will be able to show, known as soon as it is prepared.

    `value` is a difference in accuracy; null for open questions, with the reason. `num_groups`, `alpha`, `power` and
    `discordant`, which is at least the difference, are what it rests on (`statistics/detectable.py`).
    """
    from medadapt.metrics.statistics import detectable
    from medadapt.metrics.statistics.resampling import groups_of

    groups = groups_of(list(read_records(run.records / "test.jsonl")))
    num_groups, alpha = len(set(groups)), recipe.evaluation.alpha
    if recipe.task == "qa":
        metric, found = recipe.primary, detectable.Detectable(None, detectable.UNKNOWN_SPREAD)
    else:
        metric, found = "accuracy", detectable.detectable_beforehand(num_groups, alpha=alpha)
    return {
        "metric": metric,
        "value": found.value,
        "reason": found.reason,
        "n": len(groups),
        "num_groups": num_groups,
        "alpha": alpha,
        "power": detectable.POWER,
        "discordant": max(detectable.ASSUMED_DISCORDANT, found.value or 0.0),
    }


def _protocol(
    recipe: Recipe, run: RunFolder, facts: Mapping[str, Any], predictions: list[Prediction]
) -> Protocol:
    asked = evaluated(run, facts)
    return Protocol(
        records_sha256=sha256_file(run.records / "test.jsonl"),
        prompt_sha256=sha256_object([prediction.prompt_sha256 for prediction in predictions]),
        base=asked["base"],
        base_sha256=asked["base_sha256"],
        adapter_sha256=sha256_file(weights_of(run)),
        seed=recipe.seed,
        dtype=asked["dtype"],
        versions=facts["versions"],
        edited=edited_files(run),
        **protocol_facts(recipe, run, facts),
    )
