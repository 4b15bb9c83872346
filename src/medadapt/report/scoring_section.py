"""How the result depends on the way of scoring and on the order of options, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.facts import shows_options
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Section, Table, Text

RULE_NAMES = {
    "sum": "likelihood of the whole answer",
    "per_token": "likelihood per token",
    "per_byte": "likelihood per byte",
    "relative": "likelihood relative to the answer without the question",
    "by_letter": "likelihood of the letter",
    "by_text": "likelihood of the option's text",
    "by_text_per_token": "likelihood of the option's text per token",
    "by_text_per_byte": "likelihood of the option's text per byte",
    "by_text_relative": "likelihood of the option's text relative to the text alone",
    "generated": "written answer",
}


def scoring_section(inputs: ReportInputs) -> Section | None:
    """Accuracy under each way of choosing and over the orders of the options; None where neither is known."""
    metrics = inputs.metrics
    blocks = [
        *_rules(metrics.get("scoring_rules") or {}, wording.confidence(metrics["alpha"]), metrics["primary"]),
        *(_orders(metrics.get("permutations") or {}) if shows_options(inputs) else []),
    ]
    return Section(anchor="scoring", title="Ways of scoring", blocks=tuple(blocks)) if blocks else None


def _rules(rules: dict[str, Any], level: str, primary: str) -> list[Block]:
    rows = tuple(
        (
            RULE_NAMES.get(name, wording.metric_name(name)),
            wording.estimate("accuracy", found.get("baseline")),
            wording.estimate("accuracy", found.get("tuned")),
            wording.with_interval(
                wording.metric_change("accuracy", change.get("value")),
                wording.change_interval("accuracy", change),
            ),
            wording.p_value(wording.shown_p(change)),
            change.get("verdict", "not shown"),
        )
        for name, found in rules.items()
        if isinstance(found, dict)
        for change in [found.get("difference")]
        if change is not None
    )
    missing: list[Block] = [
        Text(text=f"Not by {RULE_NAMES.get(name, wording.metric_name(name))}: {found['reason']}.", quiet=True)
        for name, found in rules.items()
        if isinstance(found, dict) and found.get("reason")
    ]
    if not rows:
        return missing
    columns = ("answer chosen by", "base", "tuned", "difference", "p", "verdict")
    return [
        Table(caption=f"Accuracy by each way of choosing ({level} intervals)", columns=columns, rows=rows),
        Text(
            text=f"{_judged(primary)} are corrected for their number (Holm). A gain that shows under one way alone may "
            "be one in format rather than in medicine.",
            quiet=True,
        ),
        *missing,
    ]


def _judged(primary: str) -> str:
    """Which way carries the verdict, if any does, and which p-values are adjusted: the beginning of a sentence."""
    if primary in ("accuracy", "accuracy_generated"):
        return "Only the way that the recipe names carries the verdict; the p-values of the others"
    return f"The verdict is that of another metric ({wording.metric_name(primary)}); the p-values of all ways"


def _orders(found: dict[str, Any]) -> list[Block]:
    if not found.get("flip_rate"):
        return (
            [Text(text=f"Order of the options: {found['reason']}.", quiet=True)]
            if found.get("reason")
            else []
        )
    rows = tuple(
        (
            title,
            wording.estimate("accuracy", found["flip_rate"].get(model)),
            *(wording.share(reached.get(key)) for key in ("mean", "lowest", "highest")),
        )
        for model, title in wording.MODEL_TITLES.items()
        for reached in [(found.get("accuracy") or {}).get(model) or {}]
    )
    columns = ("", "answers that change", "mean accuracy", "lowest", "highest")
    return [
        Table(caption=f"The options in {found.get('count')} orders", columns=columns, rows=rows),
        Text(
            text="An answer that changes with the order of the options was not chosen for what it says.",
            quiet=True,
        ),
    ]
