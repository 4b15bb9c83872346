"""How right both models are when their choices are made by another rule, and whether the difference depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.marking.marks import FloatArray
from medadapt.metrics.statistics.holm import adjust
from medadapt.metrics.statistics.resampling import Plan
from medadapt.metrics.statistics.shares import Shares
from medadapt.metrics.ways import Ways

OTHER_WAYS = ("by_letter", "by_text")
NOT_LOOKED_FOR = "only the best labels under other rules were looked for (evaluation.score_choices: best)"
NOT_KEPT = "these predictions were made by a version that kept no choices by rule; run predict again"


def scoring_rules(
    right_answers: Sequence[str],
    ways: Ways,
    *,
    primary: str | None,
    plan: Plan,
    alpha: float,
    same_model: bool,
) -> dict[str, Any]:
    """Accuracy of both models under each rule, and its paired difference: rule -> baseline, tuned, difference.

    Besides the rules of `evaluation.choice_by` there are `by_letter` and `by_text` (summed; `by_text_per_token` and so
    on by the other rules), where options were also scored the other way, and `generated`, where answers were
    written; one that cannot be read is wrong. A rule whose choices were not kept has nothing but a `reason`. `primary`
    is the rule that carries the verdict of the run, None where another metric does; all others are judged together
    (`holm.py`).
    """
    usual = ways["test"]
    found: dict[str, dict[str, FloatArray]] = {}
    for rule in CHOICE_RULES:
        if all(row.choices is not None and rule in row.choices for rows in usual.values() for row in rows):
            found[rule] = _marks(usual, right_answers, partial(_choice_by, rule))
    for way in OTHER_WAYS:
        if way in ways:
            found |= {
                name: _marks(ways[way], right_answers, decide) for name, decide in _other_way(way, ways[way])
            }
    if all(row.text is not None for rows in usual.values() for row in rows):
        found["generated"] = _marks(usual, right_answers, lambda row: row.parsed)
    searched = any(row.only_best for rows in usual.values() for row in rows)
    unknown = {"reason": NOT_LOOKED_FOR if searched else NOT_KEPT}
    if not found:
        return dict.fromkeys(CHOICE_RULES, unknown)
    columns = {f"{rule} {name}": marks for rule, both in found.items() for name, marks in both.items()}
    resampled = Shares(columns, plan=plan, alpha=alpha)
    changes = {
        rule: resampled.difference(f"{rule} baseline", f"{rule} tuned", same_model=same_model)
        for rule in found
    }
    others = {rule: change for rule, change in changes.items() if rule != primary}
    known = {
        rule: {
            **{name: asdict(resampled.estimate(f"{rule} {name}")) for name in MODEL_NAMES},
            "difference": asdict(change),
        }
        for rule, change in (changes | adjust(others, alpha=alpha)).items()
    }
    return {**{rule: unknown for rule in CHOICE_RULES if rule not in known}, **known}


def _other_way(
    way: str, by_model: Mapping[str, Sequence[Prediction]]
) -> Iterator[tuple[str, Callable[[Prediction], str | None]]]:
    """Names and choices of options scored the other way: a letter has one rule, a text each of them."""
    if way == "by_letter" or any(row.choices is None for rows in by_model.values() for row in rows):
        yield way, lambda row: row.choice
        return
    for rule in CHOICE_RULES:
        yield way if rule == "sum" else f"{way}_{rule}", partial(_choice_by, rule)


def _choice_by(rule: str, row: Prediction) -> str | None:
    return row.choices[rule] if row.choices else None


def _marks(
    by_model: Mapping[str, Sequence[Prediction]],
    right_answers: Sequence[str],
    decide: Callable[[Prediction], str | None],
) -> dict[str, FloatArray]:
    return {
        name: np.array(
            [float(decide(row) == right) for row, right in zip(by_model[name], right_answers, strict=True)]
        )
        for name in MODEL_NAMES
    }
