"""Verdicts in words that a clinician understands: the gain, the simple controls, the leakage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from medadapt.core.results import LOWER_IS_BETTER, MODEL_NAMES, Metrics
from medadapt.report import wording
from medadapt.report.clean_text import one_line

MEASURES = {
    "accuracy": ("an accuracy", ""),
    "token_f1": (
        "a token F1",
        " Token F1 counts words in common with the reference, not whether medicine agrees.",
    ),
}
"""How the metric of a comparison reads in a sentence, and what has to be said of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One sentence or two, and whether they speak for or against the result."""

    tone: Literal["good", "bad", "warning", "plain"]
    title: str
    text: str


def gain(metrics: Metrics) -> str:
    """The primary result in sentences to follow the verdict: both values, the difference, what follows."""
    primary = metrics["primary"]
    difference = metrics["difference"].get(primary) or {}
    if difference.get("value") is None:
        return _sentence(difference.get("reason") or "the difference could not be computed")
    change = wording.metric_change(primary, difference["value"])
    numbers = f"{_values(metrics)}: {change}{_proof(metrics, difference)}."
    match difference.get("verdict"):
        case "better":
            return numbers
        case "worse":
            return f"{numbers} Do not use this adapter."
    return (
        f"This test set cannot tell the two models apart. {numbers} "
        f"{_smallest_visible(metrics)}That is no proof that they are equal."
    )


def against_control(metrics: Metrics) -> Judgement:
    """Whether the tuned model does better than the best control that learns nothing."""
    comparison = metrics.get("against_control") or {}
    name = comparison.get("name")
    if not name or comparison.get("value") is None:
        reason = comparison.get("reason") or "no simple control was measured for this task"
        return Judgement(tone="plain", title="No simple control", text=_sentence(reason))
    metric = compared_metric(metrics)
    of_control = ((metrics.get("controls") or {}).get(name) or {}).get(metric)
    measure, meaning = MEASURES.get(metric, (f"a {wording.metric_name(metric)}", ""))
    reached = f"{measure} of {wording.estimate(metric, of_control)}"
    way = {
        "majority": "always giving the most frequent training answer",
        "nearest_neighbour": "copying the answer of the most similar training record",
    }.get(name, wording.control_name(name))
    change = wording.metric_change(metric, comparison["value"]) + _proof(metrics, comparison, metric)
    against = f"Tuned model against it: {change}."
    match comparison.get("verdict"):
        case "better":
            return Judgement(
                tone="good",
                title="Beats the simple controls",
                text=f"{_capital(way)} reaches {reached}. {against}{meaning}",
            )
        case "worse":
            return Judgement(
                tone="bad",
                title="Worse than a simple control",
                text=f"{_capital(way)} is better: it reaches {reached}. {against} "
                f"A lookup would serve better than this adapter.{meaning}",
            )
    return Judgement(
        tone="warning",
        title="No better than a simple control",
        text=f"{_capital(way)} reaches {reached}. {against} "
        f"The score does not show that the model learned more than that.{meaning}",
    )


def compared_metric(metrics: Metrics) -> str:
    """The metric by which the controls are held against the tuned model."""
    return (metrics.get("against_control") or {}).get("metric") or "accuracy"


def leakage(metrics: Metrics) -> Judgement:
    """How many test records also occur, or nearly occur, in the data the model has seen."""
    counts, n = metrics.get("leakage") or {}, metrics["n"]
    exact, near = counts.get("exact"), counts.get("near")
    if exact is None and near is None:
        return Judgement(tone="warning", title="Leakage not measured", text="No figures were recorded.")
    gated = counts.get("gated") or ["exact"]
    sentences = []
    if exact:
        sentences.append(f"{_of(exact, n)} also occur word for word in the training or validation data.")
    elif exact == 0:
        sentences.append("No test record occurs word for word in the training or validation data.")
    if near:
        alike = wording.share(counts.get("threshold", 0.8)).replace(".0%", "%")
        sentences.append(f"{_of(near, n)} are at least {alike} like a training or validation record.")
        if "near" not in gated:
            sentences.append(
                "This split did not keep such near copies on one side, so the score is no measure of unseen cases."
            )
    elif near == 0:
        sentences.append("None is nearly the same as a training or validation record.")
    if exact or (near and "near" in gated):
        return Judgement(tone="bad", title="Test data leaked", text=" ".join(sentences))
    if near:
        return Judgement(tone="warning", title="Near twins in the training data", text=" ".join(sentences))
    return Judgement(tone="good", title="No leakage found", text=" ".join(sentences))


def _values(metrics: Metrics) -> str:
    primary, records = metrics["primary"], wording.amount(metrics["n"], "test record")
    baseline, tuned = (
        wording.metric_value(primary, (metrics[model].get(primary) or {}).get("value"))
        for model in MODEL_NAMES
    )
    if primary == "accuracy":
        return f"On the same {records} the tuned model is right in {tuned}, the base model in {baseline}"
    name = wording.metric_name(primary) + (", lower is better" if primary in LOWER_IS_BETTER else "")
    return f"{name}: {tuned} for the tuned model, {baseline} for the base model on the same {records}"


def _proof(metrics: Metrics, difference: dict[str, Any], key: str | None = None) -> str:
    ends = wording.change_interval(key or metrics["primary"], difference)
    p = wording.p_value(difference.get("p"))
    parts = [f"{wording.confidence(metrics['alpha'])} interval {ends}"] if ends else []
    if p != wording.MISSING:
        parts.append(f"p {p}" if p.startswith("<") else f"p = {p}")
    return f" ({', '.join(parts)})" if parts else ""


def _smallest_visible(metrics: Metrics) -> str:
    smallest, reason = metrics.get("detectable_difference"), metrics.get("detectable_reason")
    why = one_line(str(reason)).removesuffix(".") if reason else ""
    if not smallest:
        return f"How large a difference it could show is not known: {why}. " if why else ""
    if metrics["primary"] in wording.SHARE_METRICS:
        size = f"about {max(round(100 * smallest), 1)} points"
    else:
        size = f"about {wording.metric_change(metrics['primary'], smallest).removeprefix('+')}"
    return f"It could only show differences of at least {size}{f' ({why})' if why else ''}. "


def _of(some: int, n: int) -> str:
    return f"{some:,} of {wording.amount(n, 'test record')} ({wording.share(some / n if n else None)})"


def _sentence(text: str) -> str:
    return f"{_capital(one_line(text)).removesuffix('.')}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
