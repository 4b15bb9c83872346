"""Every control beside both models, in each metric that it can be marked by, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import verdicts, wording
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Section, Table, Text


def controls_section(inputs: ReportInputs) -> Section | None:
    """Values of all controls and why others have none; None for open questions, whose section has them."""
    metrics = inputs.metrics
    controls: dict[str, dict[str, Any]] = {
        name: leaves for name, leaves in (metrics.get("controls") or {}).items() if leaves
    }
    if metrics["task"] == "qa" or not controls:
        return None
    wanted = (
        *wording.SHARE_METRICS,
        metrics["primary"],
    )  # likelihoods, which few controls have, would crowd it
    keys = [
        key
        for key in metrics["tuned"]
        if key in wanted and any(has_value(leaves, key) for leaves in controls.values())
    ]
    measured = {
        name: leaves for name, leaves in controls.items() if any(has_value(leaves, key) for key in keys)
    }
    blocks: list[Block] = []
    if measured:
        blocks += [_table(metrics, keys, measured), _what_they_do(measured)]
    if missing := _missing(controls, measured):
        blocks.append(Text(text=f"Not measured: {missing}.", quiet=True))
    return Section(anchor="controls", title="Controls", blocks=tuple(blocks))


def has_value(leaves: dict[str, Any], key: str) -> bool:
    """Whether the metric could be computed."""
    return (leaves.get(key) or {}).get("value") is not None


def _table(metrics: dict[str, Any], keys: list[str], measured: dict[str, dict[str, Any]]) -> Table:
    entrants = [
        *((title, metrics[model]) for model, title in wording.MODEL_TITLES.items()),
        *((wording.control_name(name), leaves) for name, leaves in measured.items()),
    ]
    rows = tuple(
        (title, *(wording.estimate(key, leaves.get(key)) for key in keys)) for title, leaves in entrants
    )
    level = wording.confidence(metrics["alpha"])
    columns = ("", *(wording.metric_name(key) for key in keys))
    return Table(
        caption=f"Both models and the controls ({level} intervals)", columns=columns, rows=rows, marked=1
    )


def _what_they_do(measured: dict[str, dict[str, Any]]) -> Table:
    rows = tuple((wording.control_name(name), verdicts.control_way(name)) for name in measured)
    return Table(caption="What the controls do", columns=("control", "is"), rows=rows, words=True)


def _missing(controls: dict[str, dict[str, Any]], measured: dict[str, dict[str, Any]]) -> str:
    """Controls without any value, each with the first reason given."""
    parts = []
    for name, leaves in controls.items():
        if name in measured:
            continue
        reason = next((leaf["reason"] for leaf in leaves.values() if (leaf or {}).get("reason")), None)
        parts.append(wording.control_inside(name) + (f" ({str(reason).rstrip('.')})" if reason else ""))
    return "; ".join(parts)
