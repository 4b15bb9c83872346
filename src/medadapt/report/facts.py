"""Plain values of a run's files in words, as rows of a name and what it is."""

from __future__ import annotations

from collections import Counter
from pathlib import PureWindowsPath
from typing import Any

from medadapt.report.clean_text import one_line
from medadapt.report.inputs import ReportInputs


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
        "offload": "Layers in main memory",
        "attention": "Attention",
        "threads": "Threads",
        "micro_tokens": "Tokens in one forward pass",
    }
    rows = []
    if trainable := run.get("trainable"):
        rows.append(("Trainable parameters", _trainable(trainable)))
    if device := run.get("device"):
        rows.append(("Device", _device(device)))
    if placement := run.get("placement"):
        rows.append(("Parts of the base on each device", _placement(placement)))
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


def _placement(parts: Any) -> str:
    """How many parts of the base lie where, from {part: device}."""
    if not isinstance(parts, dict):
        return described(parts)
    return ", ".join(f"{device}: {n}" for device, n in Counter(map(str, parts.values())).items())


def start_adapter(inputs: ReportInputs) -> str | None:
    """Name of the adapter that training started from; None where it began anew, as every smoke run does."""
    adapter = (inputs.recipe.get("model") or {}).get("adapter")
    return None if adapter is None or inputs.run.get("smoke") else adapter_name(str(adapter))


def adapter_name(adapter: str) -> str:
    """An adapter as it is named to others: of a local folder its last two names, not its place.

    >>> adapter_name("hub:owner/name"), adapter_name("/home/me/runs/first/3-adapter")
    ('hub:owner/name', 'first/3-adapter')
    """
    if adapter.startswith("hub:"):
        return one_line(adapter)
    parts = PureWindowsPath(adapter).parts  # it knows both kinds of slashes
    return one_line("/".join([part for part in parts if part.strip("/\\")][-2:]))


def shows_options(inputs: ReportInputs) -> bool:
    """Whether the questions have options, and the prompt shows them."""
    shown = (inputs.recipe.get("prompt") or {}).get("options", True)
    return inputs.metrics["task"] == "multiple_choice" and bool(shown)


def spoken(key: str) -> str:
    """A key of a file as words."""
    return str(key).replace("_", " ")


def facts(source: dict[str, Any], names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """(name, value in words) of those keys that the source has."""
    return tuple((name, described(source[key])) for key, name in names.items() if source.get(key) is not None)
