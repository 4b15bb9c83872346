"""How test records overlap with the data seen, and the result without them, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.report import verdicts, wording
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Section, Table, Text


def leakage_section(inputs: ReportInputs) -> Section | None:
    """Counts of each kind of overlap, every metric on the clean subset, and the boilerplate of answers.

    None where only what the first page says was measured.
    """
    metrics = inputs.metrics
    counts, clean = metrics.get("leakage") or {}, metrics.get("clean") or {}
    told = verdicts.boilerplate(metrics)
    if not clean and not told and "question_containment" not in counts:
        return None
    blocks: list[Block] = [_layers(metrics, counts, clean.get("left_out") or {})]
    if told:
        blocks.append(Text(text=told))
        blocks += _passage((counts.get("boilerplate") or {}).get("passage"))
    if clean.get("difference") and clean.get("n") == metrics["n"]:
        blocks.append(
            Text(text="No test record overlaps in any of these ways: every figure is one of clean records.")
        )
    elif clean.get("difference"):
        blocks.append(_clean(metrics, clean))
        blocks.append(
            Text(
                text="A record is clean where none of these overlaps was found. Fewer records make wider intervals: "
                "a gain that is no longer shown here is not thereby disproved.",
                quiet=True,
            )
        )
    elif reason := clean.get("reason"):
        blocks.append(Text(text=f"No result on the clean subset: {str(reason).rstrip('.')}."))
    return Section(anchor="overlap", title="Overlap with training", blocks=tuple(blocks))


def _layers(metrics: dict[str, Any], counts: dict[str, Any], left_out: dict[str, Any]) -> Table:
    n = metrics["n"]
    layers = dict.fromkeys([*wording.LAYER_NAMES, *left_out])
    if metrics["task"] != "qa":
        layers.pop("answer", None)  # labels and options stand in training by their nature
    rows = []
    for layer in layers:
        found = verdicts.layer_count(counts, layer)
        found = left_out.get(layer) if found is None else found
        if found is not None:
            rows.append(
                (wording.layer_name(layer), wording.count(found), wording.share(found / n if n else None))
            )
    return Table(
        caption="Test records that overlap with train or validation",
        columns=("", "test records", "share"),
        rows=tuple(rows),
    )


def _passage(passage: dict[str, Any] | None) -> list[Block]:
    """The passage that most training answers share."""
    if not passage:
        return []
    return [
        Text(
            text=f"The most frequent passage stands in {wording.amount(passage['train'], 'training answer')} and "
            f"{wording.amount(passage['test'], 'test answer')}: \u201c{passage['text']}\u201d",
            quiet=True,
        )
    ]


def _clean(metrics: dict[str, Any], clean: dict[str, Any]) -> Table:
    level, n = wording.confidence(metrics["alpha"]), clean.get("n") or 0
    rows = tuple(
        (
            wording.metric_name(key),
            wording.estimate(key, (clean.get("baseline") or {}).get(key)),
            wording.estimate(key, (clean.get("tuned") or {}).get(key)),
            wording.with_interval(
                wording.metric_change(key, found.get("value")), wording.change_interval(key, found)
            ),
            wording.metric_change(key, whole.get("value")),
            wording.p_value(wording.shown_p(found)),
            found.get("verdict", "not shown"),
        )
        for key, leaf in clean["difference"].items()
        for found, whole in [(leaf or {}, metrics["difference"].get(key) or {})]
    )
    columns = ("", "base", "tuned", "difference", "on all records", "p", "verdict")
    caption = f"On the {wording.amount(n, 'clean test record')} ({level} intervals)"
    return Table(caption=caption, columns=columns, rows=rows)
