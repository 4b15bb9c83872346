"""Predictions -> Metrics: both models on the same records, beside controls and all that qualifies a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import SoftMatchSection
from medadapt.core.records import Record, Task
from medadapt.core.results import Metrics, Prediction, Protocol
from medadapt.metrics.against_controls import against_best_control, control_scores
from medadapt.metrics.answer_shape import answer_shape
from medadapt.metrics.contrast_rates import contrast
from medadapt.metrics.effect import effect, has_effect
from medadapt.metrics.entrants import Entrants, estimates_of, mark_entrants, pair_models
from medadapt.metrics.error_length import error_length
from medadapt.metrics.marking.classes import averages, confusion, paired_counts, per_class
from medadapt.metrics.marking.marks import FloatArray, Tallies, check_pairing
from medadapt.metrics.marking.values import metric_names
from medadapt.metrics.marking.written import answer_signatures, has_similarity
from medadapt.metrics.rates import rates
from medadapt.metrics.soft_matching import soft_matching
from medadapt.metrics.statistics.detectable import detectable_difference
from medadapt.metrics.statistics.estimates import NO_COLUMN, interval_method
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.subgroups import subgroups

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreInputs:
    """Everything that the metrics of a run are made from."""

    task: Task
    primary: str
    """The metric that carries the verdict."""
    alpha: float
    bootstrap_samples: int
    seed: int
    train: list[Record]
    test: list[Record]
    baseline: list[Prediction]
    tuned: list[Prediction]
    leakage: dict[str, Any]
    """`leakage` of data.json: exact, near, gated."""
    vocabulary_size: int
    """Of the model; ln of it is the loss of uniform guessing."""
    protocol: Protocol
    soft_match: SoftMatchSection = field(default_factory=SoftMatchSection)
    """When a written answer to an open question counts as right."""
    embedding: str | None = None
    """The embedding model behind `similarity`, and how it was used."""


def score(inputs: ScoreInputs) -> Metrics:
    """The content of metrics.json, schema 1, but for `findings` (`gates.py`), which need it whole.

    Raises DataError when the predictions are not of these test records, RecipeError when
    `evaluation.primary` is not measured, ModelError or DivergedError when a log-likelihood is not finite.
    The same inputs give the same numbers.
    """
    check_pairing(inputs.test, inputs.baseline, inputs.tuned)
    predictions = [*inputs.baseline, *inputs.tuned]
    generated = any(p.text is not None for p in predictions)
    names = metric_names(inputs.task, generated=generated, similar=has_similarity(predictions))
    _check_primary(inputs, names)
    entrants = mark_entrants(
        inputs.task,
        train=inputs.train,
        test=inputs.test,
        baseline=inputs.baseline,
        tuned=inputs.tuned,
        samples=inputs.bootstrap_samples,
        seed=inputs.seed,
        alpha=inputs.alpha,
        soft_match=inputs.soft_match,
    )
    moved = effect(inputs.baseline, inputs.tuned)
    pair = pair_models(entrants, same_model=not has_effect(asdict(moved)))
    return {
        "schema": SCHEMA,
        "task": inputs.task,
        "primary": inputs.primary,
        "n": len(inputs.test),
        "num_groups": entrants.plan.num_groups,
        "alpha": inputs.alpha,
        "protocol": asdict(inputs.protocol),
        **{name: estimates_of(name, entrants, metrics=names, missing=NO_COLUMN) for name in entrants.models},
        "intervals": {name: interval_method(name, entrants.plan) for name in names},
        "difference": {name: asdict(difference(name, pair)) for name in names},
        "effect": asdict(moved),
        **_detectable(inputs.primary, pair),
        "controls": control_scores(entrants, names),
        "against_control": against_best_control(entrants),
        "leakage": inputs.leakage,
        "uniform_loss": math.log(inputs.vocabulary_size),
        **_diagnostics(inputs, entrants),
        **(_of_closed(inputs, entrants) if inputs.task != "qa" else _of_written(inputs, pair)),
    }


def _check_primary(inputs: ScoreInputs, names: Sequence[str]) -> None:
    if inputs.primary in names:
        return
    remedy = "Set `evaluation.primary: auto`"
    if inputs.primary == "accuracy_generated" and inputs.task != "qa":
        remedy += ", or `evaluation.method: generate` so that both models write their answers"
    raise RecipeError(
        f"evaluation.primary '{inputs.primary}' is not measured in this run (task {inputs.task}).",
        f"one of {', '.join(names)}",
        f"{remedy}.",
    )


def _detectable(primary: str, pair: Pair) -> dict[str, Any]:
    found = detectable_difference(primary, pair)
    return {"detectable_difference": found.value, "detectable_reason": found.reason}


def _diagnostics(inputs: ScoreInputs, entrants: Entrants) -> dict[str, Any]:
    """Where the scores come from, whatever the task."""
    return {
        "rates": {"baseline": rates(inputs.baseline, inputs.task), "tuned": rates(inputs.tuned, inputs.task)},
        "groups": subgroups(
            inputs.test, entrants.models, metric=inputs.primary, plan=entrants.plan, alpha=inputs.alpha
        ),
        "calibration": {"reason": "calibration is not measured by this version"},
    }


def _of_closed(inputs: ScoreInputs, entrants: Entrants) -> dict[str, Any]:
    """Who is right where: labels or letters, confusions, and errors by length."""
    models, labels = entrants.models, entrants.labels
    found = {
        "confusion": confusion(models, labels),
        "paired": paired_counts(models["baseline"], models["tuned"]),
        "error_length": error_length(inputs.test, _marks(models, "right")),
    }
    if inputs.task != "diagnosis":
        return found
    return {
        **found,
        "per_class": {name: per_class(tallies, labels) for name, tallies in models.items()},
        "classification_report": {name: averages(tallies, labels) for name, tallies in models.items()},
    }


def _of_written(inputs: ScoreInputs, pair: Pair) -> dict[str, Any]:
    """What only written answers to open questions tell; nothing where a model wrote none."""
    models = {"baseline": pair.first, "tuned": pair.second}
    if any("right_soft" not in tallies for tallies in models.values()):
        return {}
    return {
        "signatures": answer_signatures(inputs.embedding),
        "answer_shape": {
            "baseline": answer_shape(inputs.test, inputs.baseline),
            "tuned": answer_shape(inputs.test, inputs.tuned),
        },
        "soft_match": soft_matching(inputs.soft_match, pair),
        "contrast": contrast(inputs.test, inputs.baseline, inputs.tuned, plan=pair.plan, alpha=inputs.alpha),
        "error_length": error_length(inputs.test, _marks(models, "right_soft")),
    }


def _marks(models: Mapping[str, Tallies], column: str) -> dict[str, FloatArray]:
    return {name: tallies[column] for name, tallies in models.items()}
