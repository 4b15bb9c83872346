"""What tuning cost the base outside of its task, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Section, Table, Text
from medadapt.report.verdicts import change_of_protocol

KIND_NAMES = {"prose": "running text", "instructions": "short everyday requests"}
VERDICTS = {
    "kept": "The tuned model still reads general English about as well as its base.",
    "not shown": "It is not shown that the tuned model still reads general English as well as its base.",
    "lost": "The tuned model reads general English worse than its base.",
}
CAPTION = "Loss on general English, nats per token"
JUDGED = {"kept": "kept", "not shown": "not shown", "lost": "worse"}


def forgetting_section(inputs: ReportInputs) -> Section | None:
    """Loss on general English before and after; None where it was not measured."""
    found = inputs.metrics.get("forgetting") or {}
    if not found.get("kinds"):
        return None
    level = wording.confidence(found["one_sided_alpha"])
    note = (
        f"Kept means: with {level} confidence the loss rose by less than {found['margin']:g} nats per token, a margin "
        f"set in the recipe{_when(inputs.metrics)}. The texts are general English without medicine, written for this "
        "project; they say nothing about other abilities."
    )
    return Section(
        anchor="forgetting",
        title="What tuning cost elsewhere",
        blocks=(
            Text(text=VERDICTS[found["verdict"]]),
            Table(
                caption=f"{CAPTION} ({wording.confidence(inputs.metrics['alpha'])} intervals)",
                columns=forgetting_columns(found),
                rows=forgetting_rows(found),
            ),
            Text(text=note, quiet=True),
        ),
    )


def _when(metrics: dict[str, Any]) -> str:
    """When the margin was set, as far as that is known."""
    if changed := change_of_protocol(metrics):
        return f", but {changed}"
    return " beforehand" if (metrics.get("protocol") or {}).get("fixed_before_tuning") else ""


def forgetting_columns(found: dict[str, Any]) -> tuple[str, ...]:
    """The head of `forgetting_rows`, with the level at which both ends of a rise's interval hold together."""
    level = wording.confidence(2 * found["one_sided_alpha"])
    return ("text", "passages", *wording.MODEL_TITLES.values(), f"rise ({level} interval)", "verdict")


def forgetting_rows(found: dict[str, Any]) -> tuple[tuple[str, ...], ...]:
    """One row a kind of text, from the block `forgetting` of metrics.json."""
    return tuple(
        (
            KIND_NAMES.get(kind, kind),
            wording.count(part["n"]),
            wording.estimate("loss", part["baseline"]["loss"]),
            wording.estimate("loss", part["tuned"]["loss"]),
            wording.with_interval(
                wording.metric_change("loss", part["rise"]["value"]),
                wording.change_interval("loss", part["rise"]),
            ),
            JUDGED[part["verdict"]],
        )
        for kind, part in found["kinds"].items()
    )
