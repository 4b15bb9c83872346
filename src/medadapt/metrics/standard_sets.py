"""Both models on standard sets: each set by itself, and several together, averaged over sets and pooled.

The average over sets gives a set of 100 questions the weight of one of 4,000; in the pooled figure every question
weighs the same. Where they disagree, one large set decides the pooled one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from medadapt.core.hashes import sha256_text
from medadapt.core.records import LETTERS, Record
from medadapt.core.results import MODEL_NAMES, Difference, Estimate, Prediction
from medadapt.metrics.controls.rules import majority
from medadapt.metrics.effect import effect, has_effect
from medadapt.metrics.marking.classes import paired_counts
from medadapt.metrics.marking.marks import (
    FloatArray,
    Tallies,
    check_pairing,
    mark_decisions,
    truths,
)
from medadapt.metrics.statistics.detectable import detectable_difference
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.holm import adjust
from medadapt.metrics.statistics.intervals import ONE_GROUP, Interval
from medadapt.metrics.statistics.paired import Pair, difference, flip_p, verdict
from medadapt.metrics.statistics.resampling import (
    Plan,
    bootstrap_values,
    flipped_differences,
    group_numbers,
)
from medadapt.metrics.subgroups import FEWEST_RECORDS, TOO_FEW

MACRO_TEST = "stratified-sign-flip"
"""Of the average over sets. p: the share of random swaps of the two models, group by group within each set, with a
difference at least as large. Interval: from those of the sets (`_mean_interval`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedSet:
    """The columns of both models and of the majority control on one set, and their resamples."""

    name: str
    tallies: Mapping[str, Tallies]
    resampled: Mapping[str, Mapping[str, FloatArray]]
    flipped: Mapping[str, FloatArray]
    plan: Plan
    alpha: float
    same_model: bool

    @property
    def n(self) -> int:
        return len(self.plan.group)

    def pair(self, first: str = "baseline") -> Pair:
        """The tuned model against another entrant."""
        flipped = self.flipped
        if first != "baseline":
            flipped = flipped_differences(self.tallies[first], self.tallies["tuned"], self.plan)
        return Pair(
            first=self.tallies[first],
            second=self.tallies["tuned"],
            first_resampled=self.resampled[first],
            second_resampled=self.resampled["tuned"],
            flipped=flipped,
            plan=self.plan,
            alpha=self.alpha,
            same_model=self.same_model and first == "baseline",
        )


def mark_set(
    name: str,
    records: Sequence[Record],
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
    *,
    samples: int,
    seed: int,
    alpha: float,
) -> MarkedSet:
    """Mark the choices of both models on records of one set.

    Random numbers depend on the seed and the set's name, so that they do not depend on which other sets are
    measured. Raises DataError where the predictions are not of these records.
    """
    check_pairing(records, baseline, tuned)
    right = truths("multiple_choice", records) or []
    decided: dict[str, Sequence[str | None]] = {
        "baseline": [prediction.choice for prediction in baseline],
        "tuned": [prediction.choice for prediction in tuned],
        "majority": majority(right, len(right)),
    }
    labels = sorted({*right, *(choice for row in decided.values() for choice in row if choice)})
    tallies = {who: mark_decisions(right, choices, labels) for who, choices in decided.items()}
    same = not has_effect(asdict(effect(baseline, tuned)))
    groups = [record.group for record in records]
    return _marked(name, tallies, groups, samples=samples, seed=seed, alpha=alpha, same_model=same)


def _marked(
    name: str,
    tallies: dict[str, Tallies],
    groups: Sequence[str],
    *,
    samples: int,
    seed: int,
    alpha: float,
    same_model: bool,
) -> MarkedSet:
    own_seed = int(sha256_text(f"{seed}\x00{name}")[:15], 16)
    plan = Plan(group=group_numbers(groups), samples=samples, seed=own_seed)
    return MarkedSet(
        name=name,
        tallies=tallies,
        resampled=bootstrap_values(tallies, plan),
        flipped=flipped_differences(tallies["baseline"], tallies["tuned"], plan),
        plan=plan,
        alpha=alpha,
        same_model=same_model,
    )


def set_values(marked: MarkedSet, *, macro_f1: bool) -> dict[str, Any]:
    """Estimates, the paired difference and the control of one set, as plain data.

    `controls.majority` answers every question with the set's own most frequent answer. It is chosen with the
    answers known, so it is the best that any constant answer can reach.
    """
    metrics = ("accuracy", "macro_f1") if macro_f1 else ("accuracy",)
    found = detectable_difference("accuracy", marked.pair())
    models, control = (_estimates(marked, who, metrics) for who in (MODEL_NAMES, ("majority",)))
    return {
        "n": marked.n,
        "num_groups": marked.plan.num_groups,
        **models,
        "difference": {metric: asdict(difference(metric, marked.pair())) for metric in metrics},
        "controls": control,
        "against_control": {
            "name": "majority",
            "metric": "accuracy",
            **asdict(difference("accuracy", marked.pair("majority"))),
        },
        "paired": paired_counts(marked.tallies["baseline"], marked.tallies["tuned"]),
        "detectable_difference": found.value,
        "detectable_reason": found.reason,
    }


def part_values(parts: Sequence[MarkedSet]) -> dict[str, dict[str, Any]]:
    """`short_values` of the parts of a set by name, judged together.

    The verdicts rest on Holm's p over the parts with at least 30 records; smaller ones are not judged.
    """
    return _judged({part.name: short_values(part) for part in parts}, alpha=parts[0].alpha)


def _judged(figures: Mapping[str, dict[str, Any]], *, alpha: float) -> dict[str, dict[str, Any]]:
    """The same figures with verdicts that may be claimed side by side."""
    changes = {name: Difference(**found["difference"]["accuracy"]) for name, found in figures.items()}
    large = {name: change for name, change in changes.items() if figures[name]["n"] >= FEWEST_RECORDS}
    judged = adjust(large, alpha=alpha)
    for name, change in changes.items():
        if name not in judged:
            judged[name] = replace(change, verdict="not shown", reason=change.reason or TOO_FEW)
    return {
        name: {**found, "difference": {"accuracy": asdict(judged[name])}} for name, found in figures.items()
    }


def short_values(marked: MarkedSet) -> dict[str, Any]:
    """Accuracy of both models and the paired difference, for a part of a set."""
    return {
        "n": marked.n,
        **_estimates(marked, MODEL_NAMES, ("accuracy",)),
        "difference": {"accuracy": asdict(difference("accuracy", marked.pair()))},
    }


def answer_shares(records: Sequence[Record]) -> dict[str, float]:
    """The share of each right answer, by letter or by the text of yes, no and maybe."""
    counts = Counter(LETTERS[record.answer_index or 0] for record in records)
    return {letter: counts[letter] / len(records) for letter in sorted(counts)}


def together(sets: Sequence[MarkedSet], *, samples: int, seed: int) -> dict[str, Any]:
    """Accuracy over several sets: `macro`, the mean of the sets' accuracies, and `pooled`, over all records.

    Both are judged together, because either alone would be taken for a gain: their verdicts rest on Holm's p, and
    there is none below 30 records.
    """
    figures = {"macro": average(sets), "pooled": short_values(_pooled(sets, samples=samples, seed=seed))}
    return {
        "sets": {marked.name: marked.n for marked in sets},
        **_judged(figures, alpha=sets[0].alpha),
    }


def average(sets: Sequence[MarkedSet]) -> dict[str, Any]:
    """The mean of the accuracies of several sets, or of the parts of one, for both models, and the difference."""
    n, alpha = sum(marked.n for marked in sets), sets[0].alpha
    parts = [short_values(marked) for marked in sets]

    def estimate(who: str) -> Estimate:
        leaves = [part[who]["accuracy"] for part in parts]
        interval = _mean_interval(leaves)
        low, high = interval or (None, None)
        value = float(np.mean([leaf["value"] for leaf in leaves]))
        return Estimate(value=value, low=low, high=high, n=n, reason=None if interval else ONE_GROUP)

    changes = [part["difference"]["accuracy"] for part in parts]
    value, interval = float(np.mean([change["value"] for change in changes])), _mean_interval(changes)
    p = flip_p(value, np.mean([marked.flipped["accuracy"] for marked in sets], axis=0))
    low, high = interval or (None, None)
    same = all(marked.same_model for marked in sets)
    found = Difference(
        value=value,
        low=low,
        high=high,
        p=p,
        test=MACRO_TEST,
        verdict="not shown" if same else verdict("accuracy", interval, p, alpha=alpha),
        reason=None if interval else ONE_GROUP,
    )
    models: dict[str, Any] = {who: {"accuracy": asdict(estimate(who))} for who in MODEL_NAMES}
    return {"n": n, "num_sets": len(sets), **models, "difference": {"accuracy": asdict(found)}}


def _mean_interval(leaves: Sequence[Mapping[str, Any]]) -> Interval | None:
    """Interval of a mean of independent figures, from their own intervals (MOVER: Zou and Donner, Stat. Med. 2008).

    Each end lies as far from the mean as the figures' own ends do, added up like standard errors. A resampled interval
    would have no width where no record of a set is discordant; the score intervals of the sets keep theirs.
    """
    if any(leaf["low"] is None or leaf["high"] is None for leaf in leaves):
        return None
    mean = sum(leaf["value"] for leaf in leaves) / len(leaves)
    below = math.hypot(*(leaf["value"] - leaf["low"] for leaf in leaves)) / len(leaves)
    above = math.hypot(*(leaf["high"] - leaf["value"] for leaf in leaves)) / len(leaves)
    return Interval(mean - below, mean + above)


def _pooled(sets: Sequence[MarkedSet], *, samples: int, seed: int) -> MarkedSet:
    tallies: dict[str, Tallies] = {
        who: {
            column: np.concatenate([marked.tallies[who][column] for marked in sets])
            for column in ("records", "right")
        }
        for who in MODEL_NAMES
    }
    groups = [f"{marked.name}:{number}" for marked in sets for number in marked.plan.group]
    same = all(marked.same_model for marked in sets)
    return _marked(
        "pooled", tallies, groups, samples=samples, seed=seed, alpha=sets[0].alpha, same_model=same
    )


def _estimates(marked: MarkedSet, entrants: Sequence[str], metrics: Sequence[str]) -> dict[str, Any]:
    return {
        who: {
            metric: asdict(estimate)
            for metric, estimate in estimates(
                marked.tallies[who],
                marked.resampled[who],
                names=metrics,
                plan=marked.plan,
                alpha=marked.alpha,
                missing={},
            ).items()
        }
        for who in entrants
    }
