"""How figures read: percentages, points, intervals and p-values in words that need no statistics."""

from __future__ import annotations

from typing import Any

from medadapt.core.results import START_ADAPTER

NOT_A_MEDICAL_DEVICE = (
    "Research software, not a medical device. It must not be used to diagnose, treat or advise anyone. "
    "A good score on a test set says nothing about safety in care."
)

METRIC_NAMES = {
    "accuracy": "Accuracy",
    "accuracy_generated": "Accuracy of written answers",
    "macro_f1": "Macro F1",
    "loss": "Loss (nats per token)",
    "perplexity": "Perplexity",
    "bits_per_byte": "Bits per byte",
    "rouge": "ROUGE",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "bleu": "BLEU (0 to 100)",
    "chrf": "chrF (0 to 100)",
    "token_f1": "Token F1",
    "fuzzy": "Fuzzy match",
    "similarity": "Similarity of meaning (embedding)",
}
OUT_OF_HUNDRED = frozenset({"bleu", "chrf"})
"""Metrics from 0 to 100, which two decimals describe well enough."""
SHARE_METRICS = frozenset({"accuracy", "macro_f1", "accuracy_generated"})
"""Metrics from 0 to 1 that are shown in per cent, their differences in points."""
TASK_NAMES = {
    "diagnosis": "Diagnosis from symptoms",
    "qa": "Open medical questions",
    "multiple_choice": "Multiple-choice questions",
}
MODEL_TITLES = {"baseline": "Base model", "tuned": "Tuned model"}
CONTROL_NAMES = {
    "majority": "Most frequent answer",
    "class_prior": "Guessing by frequency",
    "longest_option": "Longest option",
    "nearest_neighbour": "Nearest training record",
    "tfidf": "Word counts (TF-IDF)",
    "options_only": "Tuned, question hidden",
    "few_shot": "Base with examples",
}
LAYER_NAMES = {
    "exact": "same input as a record seen",
    "near": "nearly the same input",
    "question": "half or more of the question word for word",
    "answer": "half or more of the answer word for word",
    START_ADAPTER: "any of these, with what model.adapter was trained on",
}
"""Ways in which a test record can overlap with train or validation."""
MISSING = "–"
TINY_P = "< 0.001"
"""How a p-value reads that needs no more digits."""


def metric_name(key: str) -> str:
    """The metric's name for people."""
    return METRIC_NAMES.get(key, key.replace("_", " ").capitalize())


def control_name(key: str) -> str:
    """The control's name for people."""
    return CONTROL_NAMES.get(key, key.replace("_", " ").capitalize())


def control_inside(key: str) -> str:
    """The control's name inside of a sentence; an abbreviation in it stays as it is."""
    name = control_name(key)
    return name[:1].lower() + name[1:]


def layer_name(key: str) -> str:
    """The kind of overlap with the training data for people."""
    return LAYER_NAMES.get(key, key.replace("_", " "))


def share(value: float | None) -> str:
    """A share of 1 as a percentage with one decimal. Only none at all is 0, and only all of them are 100."""
    if value is None:
        return MISSING
    return nearly_none_or_all(value) or f"{100 * value:.1f}%"


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two shares of 1 as percentages, with as many decimals as it takes to see which is larger.

    >>> told_apart(0.9841, 0.9844), told_apart(0.97, 0.98)
    (('98.41%', '98.44%'), ('97.0%', '98.0%'))
    """
    for decimals in range(1, 16):
        low, high = f"{one:.{decimals}%}", f"{other:.{decimals}%}"
        if low != high or one == other:
            break
    return low, high


def nearly_none_or_all(value: float) -> str:
    """A share so near to 0 or 1 that its rounded percentage would hide the difference; else empty."""
    return "< 0.1%" if 0 < value < 0.001 else "> 99.9%" if 0.999 < value < 1 else ""


def count(value: Any) -> str:
    """A whole number with separators; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int):
        return MISSING if value is None else str(value)
    return f"{value:,}"


def amount(count_: int, noun: str) -> str:
    """A number with its noun, in the right number: `1 record`, `2 records`."""
    return f"{count_:,} {noun}" + ("" if count_ == 1 else "s")


def by_choice(primary: str) -> str:
    """What makes an answer right in counts of choices, where the primary metric counts written answers; else empty."""
    return ", by the likeliest answer" if primary == "accuracy_generated" else ""


def metric_value(key: str, value: float | None) -> str:
    """A value of the metric in its unit."""
    if value is None:
        return MISSING
    if key in SHARE_METRICS:
        return share(value)
    if key in OUT_OF_HUNDRED:
        return f"{value:.2f}"
    if abs(value) >= 1e6:
        return f"{value:.2e}"
    digits = 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 3
    return f"{value:,.{digits}f}"


def metric_change(key: str, value: float | None) -> str:
    """A difference of the metric with its sign; shares in points. Zero has no sign."""
    if value is None:
        return MISSING
    size = 100 * abs(value) if key in SHARE_METRICS else abs(value)
    if size == 0:
        text = "0"
    elif key in SHARE_METRICS:
        text = f"{size:.1f}" if size >= 0.05 else f"{size:.1g}"
    elif size < (0.005 if key in OUT_OF_HUNDRED else 0.0005):
        text = f"{size:.1g}"
    else:
        text = metric_value(key, size)
    sign = "" if value == 0 else "+" if value > 0 else "−"
    return f"{sign}{text}" + (" points" if key in SHARE_METRICS else "")


def detectable(key: str, difference: float, reason: str = "") -> str:
    """What a test set is able to show, as the end of a sentence; `reason` is what that rests on."""
    size = metric_change(key, difference).removeprefix("+")
    if key in SHARE_METRICS:
        size = points(difference)
    return f"a true difference of about {size}{f' ({reason})' if reason else ''} is shown in 80% of such test sets"


def points(difference: float) -> str:
    """About how many points a difference of shares is: whole ones, and below one with the digit that matters.

    >>> points(0.16), points(0.012), points(0.0031)
    ('16 points', '1 point', '0.3 points')
    """
    size = 100 * difference
    return amount(round(size), "point") if size >= 0.95 else f"{size:.1g} points"


def interval(low: str, high: str) -> str:
    """Two ends, or nothing where there is no interval. The unit stands once where both share it."""
    if MISSING in (low, high):
        return ""
    for unit in (" points", "%"):
        if low.endswith(unit) and high.endswith(unit):
            return f"{low.removesuffix(unit)} to {high}"
    return f"{low} to {high}"


def estimate(key: str, leaf: dict[str, Any] | None) -> str:
    """Value and interval of one estimate: `78.7% (66.9 to 87.1%)`."""
    if not leaf or leaf.get("value") is None:
        return MISSING
    return with_interval(metric_value(key, leaf["value"]), value_interval(key, leaf))


def with_interval(value: str, ends: str) -> str:
    """A value with its interval behind it, where there is one."""
    return f"{value} ({ends})" if ends else value


def value_interval(key: str, leaf: dict[str, Any]) -> str:
    """The interval of a value, or nothing where there is none."""
    return interval(metric_value(key, leaf.get("low")), metric_value(key, leaf.get("high")))


def change_interval(key: str, difference: dict[str, Any]) -> str:
    """The interval of a difference, or nothing where there is none."""
    return interval(metric_change(key, difference.get("low")), metric_change(key, difference.get("high")))


def p_value(p: float | None) -> str:
    """A p-value with as many digits as it deserves."""
    if p is None:
        return MISSING
    if p < 0.001:
        return TINY_P
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def shown_p(difference: dict[str, Any]) -> float | None:
    """The p-value that the verdict rests on: adjusted for the number of comparisons where that was done."""
    adjusted: float | None = difference.get("p_adjusted")
    return difference.get("p") if adjusted is None else adjusted


def confidence(alpha: float) -> str:
    """The level of the intervals, for example `95%`, with as many digits as it has."""
    return f"{100 * (1 - alpha):.10g}%"


def duration(seconds: float) -> str:
    """A time in the two units that matter."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
