"""Results by group and by length of the question, as sections of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import wording
from medadapt.report.facts import spoken
from medadapt.report.figures.error_length import error_length
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Figure, Section, Table, Text

FIELD_NAMES = {"qtype": "question type"}


def groups_section(inputs: ReportInputs) -> Section | None:
    """Results by subject, question type and the like; None where there are no groups."""
    primary = inputs.metrics["primary"]
    blocks: list[Block] = []
    for field, groups in (inputs.metrics.get("groups") or {}).items():
        if not isinstance(groups, dict) or not groups:
            continue
        rows = tuple(
            (
                value,
                wording.count(row.get("n")),
                *(wording.estimate(primary, row.get(model)) for model in wording.MODEL_TITLES),
                *_judged(primary, row.get("difference")),
            )
            for value, row in sorted(groups.items(), key=lambda item: (-(item[1].get("n") or 0), item[0]))
        )
        name = FIELD_NAMES.get(field, spoken(field))
        columns = (name, "test records", *wording.MODEL_TITLES.values(), "difference", "verdict")
        blocks.append(Table(caption=f"By {name}", columns=columns, rows=rows))
    missing = tuple(
        Text(text=f"No table by {FIELD_NAMES.get(field, spoken(field))}: {reason}.", quiet=True)
        for field, reason in (inputs.metrics.get("groups_left_out") or {}).items()
    )
    if not blocks:
        return Section(anchor="groups", title="Group by group", blocks=missing) if missing else None
    note = Text(
        text="Small groups say little: read a row only together with its number of test records. Verdicts are "
        "corrected for the number of groups (Holm); small groups get none.",
        quiet=True,
    )
    return Section(anchor="groups", title="Group by group", blocks=(note, *blocks, *missing))


def _judged(primary: str, found: dict[str, Any] | None) -> tuple[str, str]:
    """The difference with its interval, and the verdict; marks of absence in results of an earlier version."""
    if not found:
        return (wording.MISSING, wording.MISSING)
    change = wording.metric_change(primary, found.get("value"))
    ends = wording.change_interval(primary, found)
    return (wording.with_interval(change, ends), found["verdict"])


def lengths_section(inputs: ReportInputs) -> Section | None:
    """At which lengths of the question the errors lie; None where it was not measured."""
    histogram = inputs.metrics.get("error_length") or {}
    if not (png := error_length(histogram)):
        return None
    unit = histogram.get("unit") or "characters"
    errors = {model: sum(histogram[model]) for model in wording.MODEL_TITLES}
    text = (
        f"Errors by length ({unit}) among {sum(histogram['all']):,} test records: {errors['baseline']:,} of the "
        f"base model, {errors['tuned']:,} of the tuned model."
    )
    blocks: list[Block] = [
        Figure(file="error_length.png", png=png, alt=text, caption=text, wide=len(histogram["all"]) > 12)
    ]
    if inputs.metrics["task"] == "qa":
        blocks.append(Text(text="Right and wrong are those of the soft match.", quiet=True))
    elif inputs.metrics["primary"] == "accuracy_generated":
        blocks.append(Text(text="Right and wrong are those of the written answers.", quiet=True))
    return Section(anchor="lengths", title="Errors by length", blocks=tuple(blocks))
