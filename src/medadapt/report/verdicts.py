"""Verdicts in words that a clinician understands: the gain, the simple controls, the leakage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from medadapt.core.results import LOWER_IS_BETTER, MODEL_NAMES, START_ADAPTER, Metrics
from medadapt.report import wording
from medadapt.report.clean_text import one_line

MEASURES = {
    "accuracy": ("an accuracy", ""),
    "accuracy_generated": ("an accuracy of written answers", ""),
    "token_f1": (
        "a token F1",
        " Token F1 counts words in common with the reference, not whether medicine agrees.",
    ),
}
"""How the metric of a comparison reads in a sentence, and what has to be said of it."""
CONTROL_WAYS = {
    "majority": "always giving the most frequent training answer",
    "class_prior": "guessing each answer as often as it stands in the training data",
    "longest_option": "always choosing the longest option",
    "nearest_neighbour": "copying the answer of the most similar training record",
    "tfidf": "a classifier that only weighs words (TF-IDF and logistic regression)",
    "options_only": "the tuned model that sees the options but not the question",
    "few_shot": "the untuned base with solved examples in its prompt",
}
"""What a control does, as the subject of a sentence."""
CONTAINMENT = {"question": "question_containment", "answer": "answer_containment"}
"""Where metrics.json counts the records of a layer under another name."""
CONTROL_ADVICE = {
    "few_shot": "Examples in the prompt would serve better than this adapter.",
    "options_only": "The question seems to confuse the model more than it helps.",
}
"""What follows where a control is better, unless a lookup is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One sentence or two, and whether they speak for or against the result."""

    tone: Literal["good", "bad", "warning", "plain"]
    title: str
    text: str
    short: str = ""
    """The same where there is little room and bars beside it show the values; empty where `text` is short."""


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
        f"That is no proof that they are equal.{_detectable(metrics)}"
    )


def against_control(metrics: Metrics) -> Judgement:
    """Whether the tuned model does better than the best control that learns nothing."""
    comparison = metrics.get("against_control") or {}
    name = comparison.get("name")
    if not name or comparison.get("value") is None:
        reason = comparison.get("reason") or "no simple control was measured for this task"
        return _plain("No simple control", reason)
    metric = compared_metric(metrics)
    of_control = ((metrics.get("controls") or {}).get(name) or {}).get(metric)
    measure, meaning = MEASURES.get(metric, (f"a {wording.metric_name(metric)}", ""))
    reached = f"{measure} of {wording.estimate(metric, of_control)}"
    way = control_way(name)
    change = wording.metric_change(metric, comparison["value"]) + _proof(
        metrics, comparison, metric, adjusted_for="controls"
    )
    against, short = (
        f"Tuned model against it: {change}.",
        f"{change} against {wording.control_inside(name)}.",
    )
    match comparison.get("verdict"):
        case "better":
            return Judgement(
                tone="good",
                title="Beats the simple controls",
                text=f"{_capital(way)} reaches {reached}. {against}{meaning}",
                short=short,
            )
        case "worse":
            return Judgement(
                tone="bad",
                title="Worse than a simple control",
                text=f"{_capital(way)} is better: it reaches {reached}. {against} "
                f"{CONTROL_ADVICE.get(name, 'A lookup would serve better than this adapter.')}{meaning}",
                short=short,
            )
    return Judgement(
        tone="warning",
        title="No better than a simple control",
        text=f"{_capital(way)} reaches {reached}. {against} "
        f"The score does not show that the model learned more than that.{meaning}",
        short=short,
    )


def control_way(name: str) -> str:
    """What the control does, as the subject of a sentence."""
    return CONTROL_WAYS.get(name, f"the control {wording.control_name(name)}")


def against_few_shot(metrics: Metrics) -> Judgement | None:
    """Whether tuning does better than examples in the base's prompt; None where that was not asked for."""
    comparison = metrics.get("against_few_shot")
    if not comparison:
        return None
    if comparison.get("value") is None:
        reason = comparison.get("reason") or "the base was not asked with examples in its prompt"
        return _plain("No base with examples", reason)
    primary = metrics["primary"]
    leaf = ((metrics.get("controls") or {}).get("few_shot") or {}).get(primary)
    change = wording.metric_change(primary, comparison["value"]) + _proof(metrics, comparison)
    numbers = (
        f"With solved examples in its prompt the untuned base reaches {wording.estimate(primary, leaf)} "
        f"({wording.metric_name(primary).lower()}). Tuned model against it: {change}."
    )
    match comparison.get("verdict"):
        case "better":
            return Judgement(
                tone="good", title="Beats the base with examples", text=numbers, short=f"{change}."
            )
        case "worse":
            text = f"{numbers} {CONTROL_ADVICE['few_shot']}"
            title = "Worse than the base with examples"
            return Judgement(tone="bad", title=title, text=text, short=f"{change}.")
    return Judgement(
        tone="warning",
        title="No better than the base with examples",
        text=f"{numbers} Tuning is not shown to do more than a better prompt.",
        short=f"{change}.",
    )


def compared_metric(metrics: Metrics) -> str:
    """The metric by which the controls are held against the tuned model."""
    return (metrics.get("against_control") or {}).get("metric") or "accuracy"


def leakage(metrics: Metrics) -> Judgement:
    """How many test records also occur, or nearly occur, in the data the model has seen."""
    counts, n = metrics.get("leakage") or {}, metrics["n"]
    exact, near = counts.get("exact"), counts.get("near")
    if exact is None and near is None:
        text = "No figures were recorded."
        return Judgement(tone="warning", title="Leakage not measured", text=text, short=text)
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
    further = None if near is None else near - (exact or 0)  # `near` counts the exact ones, too
    more = " more" if exact and further else ""
    short = (
        f"Of {wording.amount(n, 'test record')} {_none(exact)} stand word for word in the data seen, "
        f"{_none(further)}{more} nearly so."
    )
    parts = _contained(counts, n, answers=metrics["task"] == "qa")
    start = counts.get(START_ADAPTER) or {}
    told_of_start = _of_start(start, n)
    sentences += [*parts, *told_of_start]
    short = " ".join([short, *told_of_start])
    if any(found.get("exact") or (found.get("near") and "near" in gated) for found in (counts, start)):
        return Judgement(tone="bad", title="Test data leaked", text=" ".join(sentences), short=short)
    if near or start.get("near"):
        title = "Near twins in the training data"
        return Judgement(tone="warning", title=title, text=" ".join(sentences), short=short)
    if parts:
        title = "Parts of test records stand in the training data"
        told = " ".join([short, *parts])
        return Judgement(tone="warning", title=title, text=" ".join(sentences), short=told)
    if told_of_start:
        in_part = start.get("count")
        title = (
            "Parts of test records were trained on before" if in_part else "Earlier training data not known"
        )
        return Judgement(tone="warning", title=title, text=" ".join(sentences), short=short)
    return Judgement(tone="good", title="No leakage found", text=" ".join(sentences), short=short)


def _of_start(found: dict[str, Any], n: int) -> list[str]:
    """What speaks against the result in what the adapter that training started from was trained on."""
    if not found:
        return []
    seen = "the adapter that training started from was trained on"
    if found.get("count") is None:
        return [f"What {seen} is not known: test records may be among it."]
    sentences = []
    if exact := found.get("exact"):
        sentences.append(f"{_of(exact, n)} also occur word for word in what {seen}.")
    elif near := found.get("near"):
        sentences.append(f"{_of(near, n)} are nearly the same as a record that {seen}.")
    elif count := found.get("count"):
        sentences.append(f"{_of(count, n)} overlap in part with what {seen}.")
    if not found.get("known"):
        sentences.append(f"Not all that {seen} is known: test records may be among the rest.")
    return sentences


def _contained(counts: dict[str, Any], n: int, *, answers: bool) -> list[str]:
    """How often a question, and for open tasks an answer, largely stands in the training or validation data."""
    layers = {"question": "the question", **({"answer": "the answer"} if answers else {})}
    parts = [
        f"of {part} in {_of(found, n)}"
        for layer, part in layers.items()
        if (found := layer_count(counts, layer))
    ]
    return [f"Half or more {' and '.join(parts)} stands word for word in the data seen."] if parts else []


def layer_count(counts: dict[str, Any], layer: str) -> int | None:
    """Test records that overlap with the data seen in this way; None where it was not measured."""
    found: Any = counts.get(CONTAINMENT.get(layer, layer))
    return found.get("count") if isinstance(found, dict) else found


def boilerplate(metrics: Metrics) -> str:
    """How much of the test answers is text that training answers hold, too; empty where not measured."""
    found = (metrics.get("leakage") or {}).get("boilerplate") or {}
    part = found.get("share") if found.get("words") is None else found["words"]
    if part is None or metrics["task"] != "qa":
        return ""
    return (
        f"{wording.share(part)} of the words of the test answers stand word for word in training answers: "
        "whoever learns these passages by heart is paid for it by every measure of likeness."
    )


def clean_subset(metrics: Metrics) -> Judgement | None:
    """The primary result on test records without any overlap; None where it was not measured."""
    clean = metrics.get("clean")
    if not clean:
        return None
    if clean.get("n") is None:
        text = _sentence(str(clean.get("reason") or "which test records overlap was not recorded"))
        return Judgement(tone="warning", title="No result on clean records", text=text, short=text)
    primary, n = metrics["primary"], clean["n"]
    difference = (clean.get("difference") or {}).get(primary) or {}
    left_out = metrics["n"] - n
    if not left_out:
        text = "No test record overlaps with the data seen, so the clean subset is the whole test set."
        return Judgement(tone="good", title="Nothing to leave out", text=text, short=text)
    without = f"Without {wording.amount(left_out, 'overlapping test record')} {n:,} remain"
    if difference.get("value") is None:
        reason = difference.get("reason") or clean.get("reason") or "the difference could not be computed"
        text = f"{without}. {_sentence(str(reason))}"
        return Judgement(tone="warning", title="No result on clean records", text=text, short=text)
    baseline, tuned = ((clean.get(model) or {}).get(primary) for model in MODEL_NAMES)
    change = wording.metric_change(primary, difference["value"]) + _proof(metrics, difference)
    text = (
        f"{without}: {wording.metric_name(primary).lower()} {wording.estimate(primary, tuned)} tuned, "
        f"{wording.estimate(primary, baseline)} base, a difference of {change}."
    )
    short = f"{change} on the {n:,} without overlap."
    match difference.get("verdict"):
        case "better":
            title = "Better on clean records"
            if ((metrics.get("difference") or {}).get(primary) or {}).get("verdict") == "better":
                title = "Also better on clean records"
            return Judgement(tone="good", title=title, text=text, short=short)
        case "worse":
            return Judgement(tone="bad", title="Worse on clean records", text=text, short=short)
    return Judgement(tone="warning", title="Not shown on clean records", text=text, short=short)


def protocol_kept(metrics: Metrics) -> Judgement | None:
    """That the evaluation is not the one fixed before tuning; None where it is, or where that is not known."""
    reason = change_of_protocol(metrics)
    if reason is None:
        return None
    short = f"{_capital(reason)}: what decides the verdicts may have been chosen with results in sight."
    return Judgement(
        tone="warning",
        title="Protocol not fixed before tuning",
        text=f"{short} Only a new run, with this evaluation fixed before its training, proves what they say.",
        short=short,
    )


def change_of_protocol(metrics: Metrics) -> str | None:
    """Why the evaluation is not the one fixed before tuning; None where it is, or where that is not known."""
    protocol = metrics.get("protocol") or {}
    if protocol.get("fixed_before_tuning") is not False:
        return None
    reason = protocol.get("fixed_reason") or "the evaluation was changed after the training had begun"
    return one_line(str(reason)).removesuffix(".")


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


def _proof(
    metrics: Metrics, difference: dict[str, Any], key: str | None = None, *, adjusted_for: str = "metrics"
) -> str:
    """Interval and p in brackets; `adjusted_for` names what the verdict's p was corrected for the number of."""
    ends = wording.change_interval(key or metrics["primary"], difference)
    p = wording.p_value(wording.shown_p(difference))
    parts = [f"{wording.confidence(metrics['alpha'])} interval {ends}"] if ends else []
    if p != wording.MISSING:
        adjusted = (
            "" if difference.get("p_adjusted") is None else f" adjusted for the number of {adjusted_for}"
        )
        parts.append((f"p {p}" if p.startswith("<") else f"p = {p}") + adjusted)
    return f" ({', '.join(parts)})" if parts else ""


def _detectable(metrics: Metrics) -> str:
    smallest, reason = metrics.get("detectable_difference"), metrics.get("detectable_reason")
    why = one_line(str(reason)).removesuffix(".") if reason else ""
    if not smallest:
        return f" How large a difference it could show is not known: {why}." if why else ""
    return f" {_capital(wording.detectable(metrics['primary'], smallest, why))}."


def _plain(title: str, reason: str) -> Judgement:
    """That something could not be compared, and why."""
    return Judgement(tone="plain", title=title, text=_sentence(reason), short=_sentence(reason))


def _none(count: int | None) -> str:
    """A number as it stands in a sentence."""
    return wording.MISSING if count is None else f"{count:,}" if count else "none"


def _of(some: int, n: int) -> str:
    return f"{some:,} of {wording.amount(n, 'test record')} ({wording.share(some / n if n else None)})"


def _sentence(text: str) -> str:
    return f"{_capital(one_line(text)).removesuffix('.')}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
