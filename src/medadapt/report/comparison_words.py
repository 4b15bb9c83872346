"""A comparison of two runs in words: which tuned model does better, and what that rests on."""

from __future__ import annotations

from typing import Any

from medadapt.core.results import LOWER_IS_BETTER
from medadapt.report import wording
from medadapt.report.clean_text import one_line

TITLES = {
    "better": "The second run is better",
    "worse": "The second run is worse",
    "not shown": "No difference shown",
}
"""Verdict of the second tuned model against the first -> how it is told."""


def comparison_sentence(comparison: dict[str, Any]) -> str:
    """The primary result in sentences: both values, the difference with interval and p, what follows."""
    primary = comparison["primary"]
    difference = comparison["difference"][primary]
    if difference["value"] is None:
        reason = one_line(difference["reason"] or "it could not be computed").removesuffix(".")
        return f"{wording.metric_name(primary)} cannot be compared: {reason}."
    numbers = f"{_values(comparison)}: {_change(comparison, difference)}."
    if difference["verdict"] != "not shown":
        return numbers
    return (
        f"These test records cannot tell the two tuned models apart. {numbers} That is no proof that they are "
        f"equal.{_detectable(comparison)}"
    )


def discordant_sentence(comparison: dict[str, Any]) -> str:
    """On how many records only one of the two is right, and what right means; empty where that is not known."""
    found = comparison["discordant"]
    if found["by"] is None:
        return ""
    both, n = found["both_right"], wording.amount(comparison["n"], "record")
    if found["count"]:
        told = (
            f"On {wording.amount(found['count'], 'record')} only one of them is right: the first on "
            f"{found['first_only']:,}, the second on {found['second_only']:,}. Both are right on "
            f"{both:,}, neither on {found['neither']:,}."
        )
    elif both:
        told = f"Both are right on the same {both:,} of {n}."
    else:
        told = f"Neither is right on any of the {n}."
    return f"{told}{_meaning(found)}"


def _meaning(discordant: dict[str, Any]) -> str:
    """What right means, where it is not the choice among labels or options."""
    if discordant["by"] == "accuracy_generated":
        return " Right is meant of the written answers."
    rule = discordant.get("soft_match")
    if not rule:
        return ""
    likeness = wording.metric_name(rule["metric"])
    return (
        f" Right is meant under the soft match: {likeness} of answer and reference is at least "
        f"{rule['threshold']:g}. Likeness is not correctness."
    )


def _values(comparison: dict[str, Any]) -> str:
    primary, records = comparison["primary"], wording.amount(comparison["n"], "test record")
    first, second = (
        wording.metric_value(primary, comparison["tuned"][run][primary]["value"])
        for run in ("first", "second")
    )
    if primary == "accuracy":
        return (
            f"On the same {records} the tuned model of the second run is right in {second}, that of the first "
            f"in {first}"
        )
    name = wording.metric_name(primary) + (", lower is better" if primary in LOWER_IS_BETTER else "")
    return f"{name}: {second} for the second run, {first} for the first on the same {records}"


def _change(comparison: dict[str, Any], difference: dict[str, Any]) -> str:
    primary = comparison["primary"]
    ends, p = wording.change_interval(primary, difference), wording.p_value(difference["p"])
    parts = [f"{wording.confidence(comparison['alpha'])} interval {ends}"] if ends else []
    parts.append(f"p {p}" if p.startswith("<") else f"p = {p}")
    return f"{wording.metric_change(primary, difference['value'])} ({', '.join(parts)})"


def _detectable(comparison: dict[str, Any]) -> str:
    smallest = comparison["detectable_difference"]
    if not smallest:
        return ""
    why = one_line(str(comparison.get("detectable_reason") or "")).removesuffix(".")
    told = wording.detectable(comparison["primary"], smallest, why)
    return f" {told[:1].upper()}{told[1:]}."
