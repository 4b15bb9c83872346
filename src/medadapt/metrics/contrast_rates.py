"""How many answers contradict their reference, by kind of contradiction, for both models and as a difference.

A share has under it the answers that a rule could hold against the reference at all (`checkable`): an answer that
is silent on the matter neither raises nor lowers it, and is counted beside it. The two models are compared on the
records where both answers are checkable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, Difference, ModelName, Prediction
from medadapt.metrics.contrast.checking import Checked, check_answer
from medadapt.metrics.contrast.findings import KINDS, Finding
from medadapt.metrics.marking.marks import FloatArray, Tallies
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.holm import adjust
from medadapt.metrics.statistics.paired import test_name
from medadapt.metrics.statistics.resampling import BoolArray, Plan, bootstrap_values, plan_of_some
from medadapt.metrics.statistics.shares import Shares

ANY = "any"
"""Beside the kinds: answers with a contradiction of any kind."""
MOST_EXAMPLES = 10
MOST_TEXT = 600
"""Characters of a sentence that an example shows."""
METRIC = "contradicted"
NOTHING_TO_CHECK = "no answer says anything that this rule can hold against its reference"
NEVER_BOTH = "on no record are the answers of both models checkable"
NOTHING_TO_NAME = "the references hold none"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Marks:
    """0/1 marks (n,) of one model's answers for one kind."""

    checkable: FloatArray
    contradicted: FloatArray


def contrast(
    test: Sequence[Record],
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
    *,
    plan: Plan,
    alpha: float,
) -> dict[str, Any]:
    """The block `contrast` of metrics.json (see `results.Metrics`); the kinds are judged together, `any` alone."""
    checked = {
        name: [_check(record, row) for record, row in zip(test, rows, strict=True)]
        for name, rows in zip(MODEL_NAMES, (baseline, tuned), strict=True)
    }
    marks = {name: _marks(answers) for name, answers in checked.items()}
    rates: dict[str, Any] = {
        name: {kind: _rate(some, plan, alpha) for kind, some in kinds.items()}
        for name, kinds in marks.items()
    }
    changes = {kind: _change(marks, kind, plan, alpha) for kind in (*KINDS, ANY)}
    judged = changes | adjust({kind: changes[kind] for kind in KINDS}, alpha=alpha)
    return {
        **rates,
        "difference": {
            kind: {**asdict(change), "n": int(_both(marks, kind).sum())} for kind, change in judged.items()
        },
        "silent": {name: _silent(kinds[ANY]) for name, kinds in marks.items()},
        "named": {name: _named(answers, plan, alpha) for name, answers in checked.items()},
        "examples": _examples(test, checked["tuned"]),
    }


def _check(record: Record, row: Prediction) -> Checked:
    return check_answer(row.text or "", record.answer, question=record.question, options=record.options or ())


def _marks(answers: Sequence[Checked]) -> dict[str, _Marks]:
    found: dict[str, _Marks] = {
        kind: _Marks(
            checkable=np.array([float(one.kinds[kind].checkable) for one in answers]),
            contradicted=np.array([float(bool(one.kinds[kind].findings)) for one in answers]),
        )
        for kind in KINDS
    }
    every = [(marks.checkable, marks.contradicted) for marks in found.values()]
    return {
        **found,
        ANY: _Marks(
            checkable=np.maximum.reduce([checkable for checkable, _ in every]),
            contradicted=np.maximum.reduce([contradicted for _, contradicted in every]),
        ),
    }


def _rate(marks: _Marks, plan: Plan, alpha: float) -> dict[str, Any]:
    """Estimate of the share contradicted among the checkable answers, with their number."""
    some = marks.checkable > 0
    n, checkable = len(some), int(some.sum())
    if checkable == 0:
        return {"value": None, "low": None, "high": None, "n": n, "checkable": 0, "reason": NOTHING_TO_CHECK}
    shares = Shares(
        {"one": marks.contradicted[some]}, plan=plan_of_some(plan, some), alpha=alpha, metric=METRIC
    )
    return {**asdict(shares.estimate("one")), "n": n, "checkable": checkable}


def _both(marks: Mapping[ModelName, Mapping[str, _Marks]], kind: str) -> BoolArray:
    """Records on which the answers of both models are checkable."""
    return np.logical_and.reduce([kinds[kind].checkable > 0 for kinds in marks.values()])


def _change(
    marks: Mapping[ModelName, Mapping[str, _Marks]], kind: str, plan: Plan, alpha: float
) -> Difference:
    """The share contradicted of tuned minus that of baseline, on the records where both are checkable."""
    both = _both(marks, kind)
    if not both.any():
        test = test_name(METRIC, plan, primary=None)
        return Difference(
            value=None, low=None, high=None, p=None, test=test, verdict="not shown", reason=NEVER_BOTH
        )
    columns = {str(name): kinds[kind].contradicted[both] for name, kinds in marks.items()}
    shares = Shares(columns, plan=plan_of_some(plan, both), alpha=alpha, metric=METRIC)
    return shares.difference("baseline", "tuned")


def _silent(marks: _Marks) -> float:
    """Share of the answers that no rule could hold against their reference."""
    return float(1 - marks.checkable.mean())


def _named(answers: Sequence[Checked], plan: Plan, alpha: float) -> dict[str, Any]:
    """Share of the references' quantities and known names that the answers repeat; `n` counts the things."""
    found = {}
    for what, counts in (
        ("numbers", [one.numbers for one in answers]),
        ("names", [one.names for one in answers]),
    ):
        repeated, there = (np.array(column, dtype=np.float64) for column in zip(*counts, strict=True))
        total = int(there.sum())
        if total == 0:
            found[what] = {"value": None, "low": None, "high": None, "n": 0, "reason": NOTHING_TO_NAME}
            continue
        tallies: Tallies = {"named": repeated, "nameable": there}
        resampled = bootstrap_values({"one": tallies}, plan)["one"]
        one = estimates(tallies, resampled, names=["named"], plan=plan, alpha=alpha, missing={})["named"]
        found[what] = {**asdict(one), "n": total}
    return found


def _examples(test: Sequence[Record], answers: Sequence[Checked]) -> list[dict[str, Any]]:
    """The tuned answers with most contradictions, each with all of them."""
    found = [
        (record.id, [finding for compared in one.kinds.values() for finding in compared.findings])
        for record, one in zip(test, answers, strict=True)
    ]
    worst = sorted((pair for pair in found if pair[1]), key=lambda pair: -len(pair[1]))
    return [
        {"id": name, "model": "tuned", "findings": [_shown(finding) for finding in findings]}
        for name, findings in worst[:MOST_EXAMPLES]
    ]


def _shown(finding: Finding) -> dict[str, str]:
    return {name: str(text)[:MOST_TEXT] for name, text in asdict(finding).items()}
