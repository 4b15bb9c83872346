"""What a report is made of: the run's recipe, state, data, steps, predictions and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from medadapt.core.records import Record
from medadapt.core.results import Metrics, Prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything the report shows, as read from the run folder. Absent keys are left out of the page."""

    recipe: dict[str, Any]
    """The resolved recipe."""
    run: dict[str, Any]
    """run.json"""
    data: dict[str, Any]
    """1-records/data.json"""
    examples: dict[str, Any]
    """2-examples/examples.json"""
    steps: list[dict[str, Any]]
    """3-adapter/steps.jsonl, in order of the steps."""
    test: list[Record]
    baseline: list[Prediction]
    tuned: list[Prediction]
    """Predictions in the order of `test`."""
    metrics: Metrics
    """5-metrics/metrics.json"""
    prompts: dict[str, str]
    """Record id -> the exact prompt; may lack any or all."""


def described(value: Any) -> str:
    """A plain value of one of the run's files in words; nested values as `name value` pairs."""
    if value is None or value in ("", [], (), {}):
        return "none"
    match value:
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4g}"
        case {"asked": asked, "got": got}:
            return f"{described(got)} ({'as asked' if asked == got else f'asked: {described(asked)}'})"
        case dict():
            return ", ".join(f"{spoken(key)} {described(part)}" for key, part in value.items())
        case list() | tuple():
            return ", ".join(described(part) for part in value)
    return str(value)


def machine(run: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """What the run asked for and got: trained parameters, device, number formats, attention."""
    asked = {
        "precision": "Precision",
        "quantization": "Quantisation",
        "attention": "Attention",
        "threads": "Threads",
        "micro_tokens": "Tokens in one forward pass",
    }
    rows = []
    if trainable := run.get("trainable"):
        rows.append(("Trainable parameters", _trainable(trainable)))
    if device := run.get("device"):
        rows.append(("Device", _device(device)))
    return (*rows, *facts(run, asked))


def _trainable(value: Any) -> str:
    match value:
        case {"parameters": int(some), "total": int(total)} if total:
            return f"{some:,} of {total:,} ({100 * some / total:.3g}%)"
    return described(value)


def _device(value: Any) -> str:
    match value:
        case {"type": kind, "name": name, "total_memory": int(memory)}:
            return f"{name} ({kind}, {memory / 2**30:.1f} GiB)"
        case {"type": kind, "name": name}:
            return f"{name} ({kind})"
    return described(value)


def spoken(key: str) -> str:
    """A key of a file as words."""
    return str(key).replace("_", " ")


def facts(source: dict[str, Any], names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """(name, value in words) of those keys that the source has."""
    return tuple((name, described(source[key])) for key, name in names.items() if source.get(key) is not None)
