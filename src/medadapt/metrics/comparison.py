"""Two runs on the same test records: does the tuned model of the second do better than that of the first?

The marks, intervals and paired tests are those of `scoring.py`. Only who is held against whom is another: not
a base and its adapter, but two adapters, which may even stand on different bases.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from medadapt.core.recipe import SoftMatchSection
from medadapt.core.records import Record, Task
from medadapt.core.results import Difference, Prediction
from medadapt.metrics.effect import effect, has_effect
from medadapt.metrics.entrants import Entrants, estimates_of, mark_entrants, pair_models
from medadapt.metrics.marking.marks import Tallies
from medadapt.metrics.marking.values import ZERO_ONE, metric_names
from medadapt.metrics.marking.written import has_similarity
from medadapt.metrics.statistics.detectable import detectable_difference
from medadapt.metrics.statistics.estimates import NO_COLUMN, interval_method
from medadapt.metrics.statistics.judging import judged
from medadapt.metrics.statistics.paired import Pair, difference, test_name

OTHER_TOKENS = (
    "the runs count the reference answers in different tokens, so a value for each token compares nothing; "
    "bits_per_byte does"
)
OTHER_TEXTS = "the runs measured the likelihood of different reference texts"
NEITHER = "neither of the two models has a value"
PER_TOKEN = ("loss", "perplexity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What both models of one run said of the shared records, in their order."""

    baseline: list[Prediction]
    tuned: list[Prediction]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonInputs:
    """Everything that a comparison is made from."""

    task: Task
    primary: str
    """The metric that carries the verdict."""
    alpha: float
    bootstrap_samples: int
    seed: int
    test: list[Record]
    """The records that both runs answered."""
    first: Side
    second: Side
    soft_match: SoftMatchSection = field(default_factory=SoftMatchSection)
    incomparable: Mapping[str, str] = field(default_factory=dict)
    """Metrics that do not mean the same in both runs -> why."""


def compare(inputs: ComparisonInputs) -> dict[str, Any]:
    """Estimates of all four models, and the second tuned model minus the first, metric by metric.

    Returns `n num_groups alpha primary baseline tuned intervals difference detectable_difference
    detectable_reason discordant`; `baseline` and `tuned` hold {first, second: {metric: Estimate}}, the rest
    is as in metrics.json. `discordant` names the records that only one of the two tuned models has right, and the
    rule of the soft match where that says who is right. The same inputs give the same numbers.
    """
    tuned = _mark(inputs, inputs.first.tuned, inputs.second.tuned)
    baseline = _mark(inputs, inputs.first.baseline, inputs.second.baseline)
    pair = pair_models(tuned, same_model=_is_same_model(inputs.first.tuned, inputs.second.tuned))
    names = _metrics(inputs)
    reasons = {**_incomparable(inputs.first.tuned, inputs.second.tuned), **inputs.incomparable}
    detectable, estimated = detectable_difference(inputs.primary, pair), _estimates(tuned, names)
    return {
        "n": len(inputs.test),
        "num_groups": tuned.plan.num_groups,
        "alpha": inputs.alpha,
        "primary": inputs.primary,
        "baseline": _estimates(baseline, names),
        "tuned": estimated,
        "intervals": {name: interval_method(name, tuned.plan, primary=inputs.primary) for name in names},
        "difference": _with_reasons(_differences(names, pair, reasons), estimated, reasons),
        "detectable_difference": detectable.value,
        "detectable_reason": detectable.reason,
        "discordant": _discordant(inputs, pair),
    }


def _mark(inputs: ComparisonInputs, first: list[Prediction], second: list[Prediction]) -> Entrants:
    """One model of each run, marked as `scoring.py` marks a baseline and a tuned model; no controls."""
    return mark_entrants(
        inputs.task,
        train=[],
        test=inputs.test,
        baseline=first,
        tuned=second,
        asked={},
        samples=inputs.bootstrap_samples,
        seed=inputs.seed,
        alpha=inputs.alpha,
        primary=inputs.primary,
        soft_match=inputs.soft_match,
    )


def _metrics(inputs: ComparisonInputs) -> list[str]:
    """The metrics that at least one of the two tuned models has."""
    sides = (inputs.first.tuned, inputs.second.tuned)
    generated = any(prediction.text is not None for side in sides for prediction in side)
    return metric_names(inputs.task, generated=generated, similar=any(map(has_similarity, sides)))


def _estimates(entrants: Entrants, names: Sequence[str]) -> dict[str, Any]:
    missing = {**NO_COLUMN, "similarity": "no embedding model compared the answers"}
    return {
        run: estimates_of(name, entrants, metrics=names, missing=missing)
        for run, name in (("first", "baseline"), ("second", "tuned"))
    }


def _differences(names: Sequence[str], pair: Pair, reasons: Mapping[str, str]) -> dict[str, Any]:
    found = judged({name: _difference(name, pair, reasons) for name in names}, pair)
    return {name: asdict(change) for name, change in found.items()}


def _with_reasons(
    changes: dict[str, Any], tuned: Mapping[str, Any], reasons: Mapping[str, str]
) -> dict[str, Any]:
    """The same differences, with it said where both models lack the value and not one of them."""
    lacking = {
        name
        for name in changes
        if name not in reasons and all(tuned[run][name]["value"] is None for run in ("first", "second"))
    }
    return {
        name: {**change, "reason": NEITHER} if name in lacking else change for name, change in changes.items()
    }


def _difference(name: str, pair: Pair, reasons: Mapping[str, str]) -> Difference:
    if name not in reasons:
        return difference(name, pair)
    return Difference(
        value=None,
        low=None,
        high=None,
        p=None,
        test=test_name(name, pair.plan, primary=pair.primary),
        verdict="not shown",
        reason=reasons[name],
    )


def _is_same_model(first: Sequence[Prediction], second: Sequence[Prediction]) -> bool:
    """Whether no decision differs, and no log-likelihood by more than rounding."""
    for one, other in zip(first, second, strict=True):
        if one.only_best or other.only_best:
            continue
        if (one.scores or {}).keys() != (other.scores or {}).keys():
            return False
    return not has_effect(asdict(effect(first, second)))


def _incomparable(first: Sequence[Prediction], second: Sequence[Prediction]) -> dict[str, str]:
    """Metrics of likelihoods that are not of the same tokens, or not of the same text.

    An answer that did not fit is cut where its tokens end, so whole ones tell whether the texts differ, where there
    are any.
    """
    pairs = list(zip(first, second, strict=True))
    whole = [(one, other) for one, other in pairs if not (one.truncated or other.truncated)] or pairs
    if any(one.num_bytes != other.num_bytes for one, other in whole):
        return dict.fromkeys((*PER_TOKEN, "bits_per_byte"), OTHER_TEXTS)
    if any(one.num_tokens != other.num_tokens for one, other in whole):
        return dict.fromkeys(PER_TOKEN, OTHER_TOKENS)
    return {}


def _discordant(inputs: ComparisonInputs, pair: Pair) -> dict[str, Any]:
    """The records that only one of the two tuned models has right, by the mark that stands nearest the primary."""
    by = _right_by(inputs.primary, pair.first, pair.second)
    if by is None:
        return {"by": None, "reason": "right and wrong are not known without choices or written answers"}
    first, second = pair.first[ZERO_ONE[by]] > 0, pair.second[ZERO_ONE[by]] > 0
    only_first = [record.id for record, found in zip(inputs.test, first & ~second, strict=True) if found]
    only_second = [record.id for record, found in zip(inputs.test, second & ~first, strict=True) if found]
    return {
        "by": by,
        "count": len(only_first) + len(only_second),
        "both_right": int((first & second).sum()),
        "first_only": len(only_first),
        "second_only": len(only_second),
        "neither": int((~first & ~second).sum()),
        "first_right": only_first,
        "second_right": only_second,
        **({"soft_match": inputs.soft_match.model_dump()} if by == "soft_match" else {}),
    }


def _right_by(primary: str, first: Tallies, second: Tallies) -> str | None:
    """The 0/1 metric that says who is right: the primary where it is one, else the first that both have."""
    known = [name for name, column in ZERO_ONE.items() if column in first and column in second]
    return primary if primary in known else next(iter(known), None)
