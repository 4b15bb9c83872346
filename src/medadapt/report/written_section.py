"""Written answers to open questions against their references, as a section of the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medadapt.core.results import Metrics
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.report import verdicts, wording
from medadapt.report.bars import metric_bars
from medadapt.report.card import CardRow, num_adjusted, paired_counts, proof_card
from medadapt.report.facts import described
from medadapt.report.figures.matrices import right_wrong_matrix
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Banner, Bars, Block, Facts, Figure, Heading, Section, Table, Text

ONLY_LIKENESS = (
    "These figures measure how alike two texts are, not whether medicine agrees. A wrong answer in the words "
    "of the reference scores high, a right one in other words scores low."
)
NO_MATRIX = "Open questions have no fixed set of answers, so there are no confusion matrices."


def written_section(inputs: ReportInputs) -> Section | None:
    """Likeness of written answers to their references and what counts as right; None for closed tasks."""
    if inputs.metrics["task"] != "qa":
        return None
    rows = [row for row in proof_card(inputs.metrics).rows if row.written]
    soft = inputs.metrics.get("soft_match") or {}
    blocks: list[Block] = []
    if rows or soft.get("matrix"):
        blocks.append(Banner(tone="warning", title="Likeness is not correctness", text=ONLY_LIKENESS))
    if rows:
        blocks += _likeness(rows, inputs.metrics)
    blocks += _soft_match(soft, wording.confidence(inputs.metrics["alpha"]))
    blocks.append(Text(text=NO_MATRIX, quiet=True))
    return Section(anchor="written", title="Written answers", blocks=tuple(blocks))


def _likeness(rows: list[CardRow], metrics: dict[str, Any]) -> list[Block]:
    table = tuple(
        (
            row.name,
            wording.with_interval(row.baseline, row.baseline_interval),
            wording.with_interval(row.tuned, row.tuned_interval),
            wording.with_interval(row.difference, row.difference_interval),
            row.p,
            row.verdict,
        )
        for row in rows
    )
    blocks: list[Block] = [
        *_bars(metrics),
        Table(
            caption=f"Likeness to the reference ({wording.confidence(metrics['alpha'])} intervals)",
            columns=("", "base", "tuned", "difference", "p", "verdict"),
            rows=table,
        ),
        Text(
            text=f"The verdict of the run rests on its primary metric alone. {_correction(metrics)}",
            quiet=True,
        ),
    ]
    blocks += _controls(metrics, [row.key for row in rows])
    if signatures := metrics.get("signatures"):
        pairs = tuple((wording.metric_name(key), described(text)) for key, text in signatures.items())
        blocks.append(Table(caption="How they were computed", columns=("metric", "signature"), rows=pairs,
                            words=True))  # fmt: skip
    return blocks


def _correction(metrics: Metrics) -> str:
    """Whether the p-values take account of the number of metrics."""
    if number := num_adjusted(metrics):
        return f"The p-values here are adjusted for {wording.amount(number, 'metric')} (Holm)."
    return "The p-values here are not corrected for the number of metrics, so one small value among many says little."


def _bars(metrics: Metrics) -> list[Block]:
    """The metric that the controls are held against, where it compares written answers."""
    compared = verdicts.compared_metric(metrics)
    if compared not in TEXT_METRICS or not (bars := metric_bars(metrics, compared)):
        return []
    level = wording.confidence(metrics["alpha"])
    return [Bars(caption=f"{wording.metric_name(compared)}; the line is the {level} interval", bars=bars)]


def _controls(metrics: Metrics, keys: Sequence[str]) -> list[Block]:
    """What the controls' answers are worth by the same metrics; none where no control answered."""
    controls = metrics.get("controls") or {}
    names = [
        name
        for name, leaves in controls.items()
        if any(((leaves or {}).get(key) or {}).get("value") is not None for key in keys)
    ]
    if not names:
        return []
    rows = tuple(
        (wording.metric_name(key), *(wording.estimate(key, controls[name].get(key)) for name in names))
        for key in keys
    )
    return [
        Table(
            caption=f"Simple controls by the same metrics ({wording.confidence(metrics['alpha'])} intervals)",
            columns=("", *(wording.control_name(name) for name in names)),
            rows=rows,
        ),
        Text(text=verdicts.against_control(metrics).text),
    ]


def soft_match_sentence(soft: dict[str, Any], level: str) -> str:
    """Rule and result of the soft match for the model card; empty where there is none."""
    if paired_counts(soft.get("matrix")) is None:
        return ""
    errors, n = soft["errors"], soft["n"]
    return (
        f"{_rule(soft)} Errors by it: base {_of(errors['baseline'], n)}, tuned {_of(errors['tuned'], n)}; right "
        f"answers, tuned minus base: {_difference(soft, level)}."
    )


def _soft_match(soft: dict[str, Any], level: str) -> list[Block]:
    counts = paired_counts(soft.get("matrix"))
    if counts is None:
        return []
    n, errors = soft["n"], soft["errors"]
    facts = (
        ("Errors of the base model", _of(errors["baseline"], n)),
        ("Errors of the tuned model", _of(errors["tuned"], n)),
        ("Right answers, tuned minus base", _difference(soft, level)),
    )
    cells = (
        f"both right {counts.both_right:,}, only the base {counts.baseline_only:,}, only the tuned model "
        f"{counts.tuned_only:,}, neither {counts.neither:,}"
    )
    return [
        Heading(text="Right or wrong under a soft match"),
        Text(text=_rule(soft)),
        Facts(rows=facts),
        Figure(
            file="right_wrong_matrix.png",
            png=right_wrong_matrix(
                counts.both_right, counts.baseline_only, counts.tuned_only, counts.neither
            ),
            alt=f"Of {n:,} test records: {cells}.",
            caption=f"Test records by which model was right under the soft match: {cells}.",
        ),
    ]


def _rule(soft: dict[str, Any]) -> str:
    return (
        f"An answer counts as right where its likeness to the reference ({wording.metric_name(soft['metric'])}) "
        f"is at least {soft['threshold']:g}. That is a stated rule, not a medical judgement."
    )


def _difference(soft: dict[str, Any], level: str) -> str:
    """The difference of the shares right, with its interval and p."""
    ends, p = wording.change_interval("accuracy", soft), soft.get("p")
    proof = [f"{level} interval {ends}"] if ends else []
    if p is not None:
        proof.append(f"p {text}" if (text := wording.p_value(p)).startswith("<") else f"p = {text}")
    return wording.metric_change("accuracy", soft.get("value")) + (f" ({', '.join(proof)})" if proof else "")


def _of(some: int, n: int) -> str:
    return f"{some:,} of {n:,} ({wording.share(some / n if n else None)})"
