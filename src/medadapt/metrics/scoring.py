"""Predictions -> Metrics: both models on the same records, beside controls and all that qualifies a score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from medadapt.core.errors import RecipeError
from medadapt.core.records import Record, Task
from medadapt.core.results import Metrics, Prediction, Protocol
from medadapt.metrics.against_controls import against_best_control, control_scores
from medadapt.metrics.classes import confusion, paired_counts, per_class
from medadapt.metrics.detectable import detectable_difference
from medadapt.metrics.effect import effect, has_effect
from medadapt.metrics.entrants import Entrants, estimates_of, mark_entrants, pair_models
from medadapt.metrics.estimates import NO_COLUMN, interval_method
from medadapt.metrics.marks import check_pairing
from medadapt.metrics.paired import difference
from medadapt.metrics.rates import rates
from medadapt.metrics.subgroups import subgroups
from medadapt.metrics.values import metric_names

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


def score(inputs: ScoreInputs) -> Metrics:
    """The content of metrics.json, schema 1, but for `findings` (`gates.py`), which need it whole.

    Raises DataError when the predictions are not of these test records, RecipeError when
    `evaluation.primary` is not measured, ModelError or DivergedError when a log-likelihood is not finite.
    The same inputs give the same numbers.
    """
    check_pairing(inputs.test, inputs.baseline, inputs.tuned)
    generated = any(p.text is not None for p in [*inputs.baseline, *inputs.tuned])
    names = metric_names(inputs.task, generated=generated)
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
    )
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
        **_comparison(inputs, entrants, names),
        "controls": control_scores(entrants, names),
        "against_control": against_best_control(entrants),
        "leakage": inputs.leakage,
        "uniform_loss": math.log(inputs.vocabulary_size),
        **_diagnostics(inputs, entrants),
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


def _comparison(inputs: ScoreInputs, entrants: Entrants, names: Sequence[str]) -> dict[str, Any]:
    """The tuned model against its baseline."""
    moved = effect(inputs.baseline, inputs.tuned)
    pair = pair_models(entrants, same_model=not has_effect(asdict(moved)))
    detectable = detectable_difference(inputs.primary, pair)
    return {
        "difference": {name: asdict(difference(name, pair)) for name in names},
        "effect": asdict(moved),
        "detectable_difference": detectable.value,
        "detectable_reason": detectable.reason,
    }


def _diagnostics(inputs: ScoreInputs, entrants: Entrants) -> dict[str, Any]:
    """Where the scores come from: rates, subgroups, and for closed tasks labels and confusions."""
    models = entrants.models
    found: dict[str, Any] = {
        "rates": {"baseline": rates(inputs.baseline, inputs.task), "tuned": rates(inputs.tuned, inputs.task)},
        "groups": subgroups(
            inputs.test, models, metric=inputs.primary, plan=entrants.plan, alpha=inputs.alpha
        ),
        "calibration": {"reason": "calibration is not measured by this version"},
    }
    if inputs.task != "qa":
        found["confusion"] = confusion(models, entrants.labels)
        found["paired"] = paired_counts(models["baseline"], models["tuned"])
    if inputs.task == "diagnosis":
        found["per_class"] = {name: per_class(tallies, entrants.labels) for name, tallies in models.items()}
    return found
