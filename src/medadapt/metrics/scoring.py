"""Predictions -> Metrics: both models on the same records, beside controls and all that qualifies a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from medadapt.core.choice_rules import ChoiceRule
from medadapt.core.errors import RecipeError
from medadapt.core.recipe import SoftMatchSection
from medadapt.core.records import Record, Task
from medadapt.core.results import MODEL_NAMES, Metrics, Prediction, Protocol
from medadapt.metrics.against_controls import against_best_control, against_few_shot, control_scores
from medadapt.metrics.answer_shape import answer_shape
from medadapt.metrics.calibration.calibration import Validation, calibration
from medadapt.metrics.clean_subset import clean_subset
from medadapt.metrics.contrast_rates import contrast
from medadapt.metrics.effect import effect, has_effect
from medadapt.metrics.entrants import Entrants, estimates_of, mark_entrants, pair_models
from medadapt.metrics.error_length import error_length
from medadapt.metrics.forgetting import forgetting
from medadapt.metrics.marking.classes import averages, confusion, paired_counts, per_class
from medadapt.metrics.marking.marks import FloatArray, Tallies, check_pairing, check_rows, truths
from medadapt.metrics.marking.values import metric_names
from medadapt.metrics.marking.written import answer_signatures, has_similarity
from medadapt.metrics.permutations import permutations
from medadapt.metrics.rates import rates
from medadapt.metrics.scoring_rules import scoring_rules
from medadapt.metrics.soft_matching import soft_matching
from medadapt.metrics.statistics.detectable import detectable_difference
from medadapt.metrics.statistics.estimates import NO_COLUMN, interval_method
from medadapt.metrics.statistics.judging import differences
from medadapt.metrics.statistics.paired import Pair
from medadapt.metrics.subgroups import left_out, subgroups
from medadapt.metrics.ways import variants
from medadapt.metrics.with_passages import STEMS, with_passages

SCHEMA = 1
ASKED_CONTROLS = {"options_only": "test.tuned.options_only", "few_shot": "test.baseline.few_shot"}
"""The controls that a model answers, and the files of `4-predictions/` with what it said."""


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
    further: Mapping[str, list[Prediction]] = field(default_factory=dict)
    """Sets beside the usual two, by the name of their file: `test.tuned.rotated_1`."""
    leakage: dict[str, Any]
    """`leakage` of data.json: exact, near, gated, flagged."""
    vocabulary_size: int
    """Of the model; ln of it is the loss of uniform guessing."""
    protocol: Protocol
    choice_by: ChoiceRule = "sum"
    """The rule by which `choice` was made."""
    soft_match: SoftMatchSection = field(default_factory=SoftMatchSection)
    """When a written answer to an open question counts as right."""
    embedding: str | None = None
    """The embedding model behind `similarity`, and how it was used."""
    no_examples: str | None = None
    """Why the base was not shown examples, where it was not."""
    forgetting_margin: float = 0.05
    """The rise of the loss on general text, in nats per token, that counts as nothing forgotten."""
    validation: Validation = field(default_factory=Validation)
    """What temperature and thresholds are fitted on."""
    search: Mapping[str, Any] | None = None
    """How well passages were found, where the models were asked with passages, too."""

    @property
    def asked(self) -> dict[str, list[Prediction]]:
        """Predictions of the controls that a model made, where it was asked so."""
        return {name: self.further[stem] for name, stem in ASKED_CONTROLS.items() if stem in self.further}

    @property
    def grounded(self) -> dict[str, list[Prediction]]:
        """Predictions of both models with passages in their prompts, where they were asked so."""
        if self.search is None:
            return {}
        return {name: self.further[stem] for name, stem in STEMS.items() if stem in self.further}


def score(inputs: ScoreInputs) -> Metrics:
    """The content of metrics.json, schema 1, but for `findings` (`gates.py`), which need it whole.

    Raises DataError when the predictions are not of these test records, RecipeError when
    `evaluation.primary` is not measured, ModelError or DivergedError when a log-likelihood is not finite.
    The same inputs give the same numbers.
    """
    check_pairing(inputs.test, inputs.baseline, inputs.tuned)
    for name, rows in (inputs.asked | inputs.grounded).items():
        check_rows({**ASKED_CONTROLS, **STEMS}[name], inputs.test, rows)
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
        asked=inputs.asked | inputs.grounded,
        samples=inputs.bootstrap_samples,
        seed=inputs.seed,
        alpha=inputs.alpha,
        primary=inputs.primary,
        soft_match=inputs.soft_match,
        no_examples=inputs.no_examples,
    )
    moved = effect(inputs.baseline, inputs.tuned)
    same_model = not has_effect(asdict(moved))
    pair = pair_models(entrants, same_model=same_model)
    return {
        "schema": SCHEMA,
        "task": inputs.task,
        "primary": inputs.primary,
        "n": len(inputs.test),
        "num_groups": entrants.plan.num_groups,
        "alpha": inputs.alpha,
        "protocol": asdict(inputs.protocol),
        **{name: estimates_of(name, entrants, metrics=names, missing=NO_COLUMN) for name in entrants.models},
        "intervals": {name: interval_method(name, entrants.plan, primary=inputs.primary) for name in names},
        "difference": {name: asdict(change) for name, change in differences(names, pair).items()},
        "effect": asdict(moved),
        **_detectable(inputs.primary, pair),
        "controls": control_scores(entrants, names),
        "against_control": against_best_control(entrants),
        "against_few_shot": against_few_shot(entrants, inputs.primary),
        "leakage": inputs.leakage,
        "clean": clean_subset(inputs.test, inputs.leakage, entrants, metrics=names, same_model=same_model),
        "uniform_loss": math.log(inputs.vocabulary_size),
        **_diagnostics(inputs, entrants, same_model=same_model),
        "forgetting": _forgetting(inputs),
        **_with_passages(inputs, entrants, names),
        **(_of_closed(inputs, entrants, pair) if inputs.task != "qa" else _of_written(inputs, pair)),
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


def _diagnostics(inputs: ScoreInputs, entrants: Entrants, *, same_model: bool) -> dict[str, Any]:
    """Where the scores come from, whatever the task."""
    return {
        "rates": {"baseline": rates(inputs.baseline, inputs.task), "tuned": rates(inputs.tuned, inputs.task)},
        "groups": subgroups(
            inputs.test,
            entrants.models,
            metric=inputs.primary,
            plan=entrants.plan,
            alpha=inputs.alpha,
            same_model=same_model,
        ),
        "groups_left_out": left_out(inputs.test, entrants.models, metric=inputs.primary),
        "calibration": calibration(
            inputs.task,
            inputs.test,
            {"baseline": inputs.baseline, "tuned": inputs.tuned},
            inputs.validation,
            plan=entrants.plan,
            alpha=inputs.alpha,
        ),
    }


def _forgetting(inputs: ScoreInputs) -> dict[str, Any]:
    general = [inputs.further.get(f"general.{name}") for name in MODEL_NAMES]
    if None in general:
        return {"reason": "general text was not measured (evaluation.forgetting: auto measures it)"}
    baseline, tuned = (rows or [] for rows in general)
    return forgetting(
        baseline,
        tuned,
        margin=inputs.forgetting_margin,
        samples=inputs.bootstrap_samples,
        seed=inputs.seed,
        alpha=inputs.alpha,
    )


def _with_passages(inputs: ScoreInputs, entrants: Entrants, names: Sequence[str]) -> dict[str, Any]:
    if inputs.search is None or len(inputs.grounded) < len(STEMS):
        return {}
    return {"retrieval": with_passages(entrants, inputs.search, metrics=names)}


def _other_ways(inputs: ScoreInputs, entrants: Entrants, pair: Pair) -> dict[str, Any]:
    """What the same questions give when choices are made by another rule, or options stand in another order."""
    right_answers = truths(inputs.task, inputs.test) or []
    usual = {"baseline": inputs.baseline, "tuned": inputs.tuned}
    ways = {"test": usual, **variants(inputs.test, usual, inputs.further)}
    plan, alpha = entrants.plan, inputs.alpha
    rule_of = {"accuracy": str(inputs.choice_by), "accuracy_generated": "generated"}
    return {
        "scoring_rules": scoring_rules(
            right_answers,
            ways,
            primary=rule_of.get(inputs.primary),
            plan=plan,
            alpha=alpha,
            same_model=pair.same_model,
        ),
        "permutations": permutations(right_answers, ways, plan=plan, alpha=alpha),
    }


def _of_closed(inputs: ScoreInputs, entrants: Entrants, pair: Pair) -> dict[str, Any]:
    """Who is right where: labels or letters, confusions, and errors by length."""
    models, labels = entrants.models, entrants.labels
    right = "right_generated" if inputs.primary == "accuracy_generated" else "right"
    found = {
        "confusion": confusion(models, labels),
        "paired": paired_counts(models["baseline"], models["tuned"]),
        "error_length": error_length(inputs.test, _marks(models, right)),
        **_other_ways(inputs, entrants, pair),
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
