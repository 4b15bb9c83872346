"""Everyone who answered the test set: both models and the controls, marked alike and resampled together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from medadapt.core.recipe import SoftMatchSection
from medadapt.core.records import Record, Task
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.controls.rules import (
    ASKED,
    RULES,
    RuleAnswers,
    control_answers,
    control_decisions,
    not_asked,
)
from medadapt.metrics.marking.marks import (
    FloatArray,
    Tallies,
    mark_decisions,
    mark_likelihoods,
    mark_texts,
    truths,
)
from medadapt.metrics.marking.values import METRICS
from medadapt.metrics.marking.written import mark_answers, mark_likeness
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.paired import Pair
from medadapt.metrics.statistics.resampling import (
    Plan,
    bootstrap_values,
    flipped_differences,
    groups_of,
    plan_of_some,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrants:
    """The columns of every entrant by name: `baseline`, `tuned`, and the controls that have an answer."""

    task: Task
    labels: list[str]
    """Labels or letters that are true or chosen by a model, sorted; empty for open tasks."""
    tallies: Mapping[str, Tallies]
    resampled: Mapping[str, Mapping[str, FloatArray]]
    """entrant -> metric -> its value in every bootstrap resample."""
    absent: Mapping[str, str]
    """control -> why it has no answers."""
    plan: Plan
    alpha: float
    primary: str
    """The metric that carries the verdict; its intervals may be made another way (`bias_correction.py`)."""

    @property
    def models(self) -> dict[str, Tallies]:
        return {name: self.tallies[name] for name in MODEL_NAMES}


def mark_entrants(
    task: Task,
    *,
    train: Sequence[Record],
    test: Sequence[Record],
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
    asked: Mapping[str, Sequence[Prediction]],
    samples: int,
    seed: int,
    alpha: float,
    primary: str,
    soft_match: SoftMatchSection,
    no_examples: str | None = None,
) -> Entrants:
    """Mark both models and the controls on the test records; `asked` holds predictions of those that a model made."""
    plan = Plan(group=groups_of(test), samples=samples, seed=seed)
    models = {"baseline": baseline, "tuned": tuned}
    predictions = {**models, **asked}
    right_answers = truths(task, test)
    if right_answers is None:
        labels: list[str] = []
        rules = _open_rules(models, train, test, seed)
        tallies = _mark_open(test, predictions, rules.given, soft_match)
    else:
        rules = control_decisions(task, train, test, seed=seed)
        used = {row.choice for rows in models.values() for row in rows if row.choice is not None}
        labels = sorted(used.union(right_answers))
        tallies = _mark_closed(right_answers, labels, predictions, rules.given)
    for name, rows in predictions.items():
        tallies[name] |= mark_likelihoods(rows)
    return Entrants(
        task=task,
        labels=labels,
        tallies=tallies,
        resampled=bootstrap_values(tallies, plan),
        absent=rules.absent
        | {name: not_asked(name, task, no_examples=no_examples) for name in ASKED if name not in asked},
        plan=plan,
        alpha=alpha,
        primary=primary,
    )


def _mark_closed(
    right_answers: Sequence[str],
    labels: Sequence[str],
    predictions: Mapping[str, Sequence[Prediction]],
    rules: Mapping[str, Sequence[str]],
) -> dict[str, Tallies]:
    """Columns of decisions and of what was written."""
    decided: dict[str, Sequence[str | None]]
    decided = {name: [row.choice for row in rows] for name, rows in predictions.items()} | {**rules}
    tallies = {name: mark_decisions(right_answers, choices, labels) for name, choices in decided.items()}
    for name, rows in predictions.items():
        tallies[name] |= mark_texts(right_answers, rows)
    if "right_generated" in tallies["tuned"]:
        for name in rules:  # a rule that wrote would write what it decides
            tallies[name]["right_generated"] = tallies[name]["right"]
    return tallies


def _open_rules(
    models: Mapping[str, Sequence[Prediction]], train: Sequence[Record], test: Sequence[Record], seed: int
) -> RuleAnswers:
    """What the rules write, only where a model wrote anything to be held against them."""
    if all(row.text is None for rows in models.values() for row in rows):
        return RuleAnswers(
            given={}, absent=dict.fromkeys(RULES, "no model wrote an answer to hold against it")
        )
    return control_answers(train, test, seed=seed)


def _mark_open(
    test: Sequence[Record],
    predictions: Mapping[str, Sequence[Prediction]],
    rules: Mapping[str, Sequence[str]],
    soft_match: SoftMatchSection,
) -> dict[str, Tallies]:
    """Columns of written answers."""
    marks = {name: mark_answers(test, rows, soft_match) for name, rows in predictions.items()}
    marks |= {name: mark_likeness(test, answers, soft_match) for name, answers in rules.items()}
    return {name: {"records": np.ones(len(test)), **columns} for name, columns in marks.items()}


def part_of(entrants: Entrants, rows: Sequence[int]) -> Entrants:
    """Both models and the controls on some of the records, resampled by the groups that these have."""
    if len(rows) == len(entrants.plan.group):
        return entrants
    plan = plan_of_some(entrants.plan, rows)
    tallies = {
        name: {column: values[list(rows)] for column, values in of_one.items()}
        for name, of_one in entrants.tallies.items()
    }
    return replace(entrants, tallies=tallies, plan=plan, resampled=bootstrap_values(tallies, plan))


def pair_models(entrants: Entrants, *, same_model: bool) -> Pair:
    """The baseline and the tuned model, ready to be compared on every metric."""
    baseline, tuned = entrants.models.values()
    return Pair(
        first=baseline,
        second=tuned,
        first_resampled=entrants.resampled["baseline"],
        second_resampled=entrants.resampled["tuned"],
        flipped=flipped_differences(baseline, tuned, entrants.plan),
        plan=entrants.plan,
        alpha=entrants.alpha,
        same_model=same_model,
        primary=entrants.primary,
    )


def estimates_of(
    name: str, entrants: Entrants, *, metrics: Sequence[str], missing: Mapping[str, str]
) -> dict[str, Any]:
    """Estimates by metric, as plain data. `missing` says, by first column, why there is none."""
    found = estimates(
        entrants.tallies.get(name, {}),
        entrants.resampled.get(name, {}),
        names=metrics,
        plan=entrants.plan,
        alpha=entrants.alpha,
        missing={metric: missing[METRICS[metric][0][0]] for metric in metrics},
        primary=entrants.primary,
    )
    return {metric: asdict(estimate) for metric, estimate in found.items()}
