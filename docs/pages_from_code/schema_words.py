"""What a JSON Schema allows, in words."""

from __future__ import annotations

from typing import Any

from pages_from_code.markdown import code

KINDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "`true` or `false`"}
LIMITS = {
    "minimum": "from {}",
    "exclusiveMinimum": "above {}",
    "maximum": "to {}",
    "exclusiveMaximum": "below {}",
}


def allowed_values(values: dict[str, Any]) -> str:
    """The values of one key: words to choose from, a kind with its limits, or several of these."""
    if "anyOf" in values:
        return " or ".join(allowed_values(part) for part in values["anyOf"])
    if "$ref" in values:
        return "a section (below)"
    if "const" in values:
        return code(values["const"])
    if "enum" in values:
        return ", ".join(code(word) for word in values["enum"])
    match values.get("type"):
        case "null":
            return "empty"
        case "array":
            return f"list of: {allowed_values(values['items'])}"
        case "object":
            return _mapping(values)
        case None:
            return "anything"
        case kind:
            return " ".join([KINDS[kind], *_limits(values)])


def _mapping(values: dict[str, Any]) -> str:
    names = values.get("propertyNames", {}).get("enum")
    inside = values.get("additionalProperties")
    to = allowed_values(inside) if isinstance(inside, dict) else "anything"
    return f"{', '.join(map(code, names))}, each: {to}" if names else f"names, each: {to}"


def _limits(values: dict[str, Any]) -> list[str]:
    return [
        words.format(f"{values[key]:g}" if abs(values[key]) < 2**53 else f"{values[key]}")
        for key, words in LIMITS.items()
        if key in values
    ]
