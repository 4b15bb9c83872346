"""What a search may try for one key: a range of numbers or a list of values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RangeKind = Literal["log", "uniform", "int"]
WORDS = ("log", "uniform", "int", "choice")
FORMS = "{log: [low, high]}, {uniform: [low, high]}, {int: [low, high]}, or a list of values"
BETWEEN = 0.3819660112501051
"""A place inside a range whose value is hardly ever whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Numbers from `low` to `high`, both included."""

    kind: RangeKind
    """`log` draws each order of magnitude alike, `uniform` each number, `int` each whole number."""
    low: float
    high: float

    @property
    def probes(self) -> tuple[float, ...]:
        """Values by which a schema can be asked whether it takes the range."""
        if self.kind == "int":
            return (int(self.low), int(self.high))
        return (self.low, self.low + (self.high - self.low) * BETWEEN, self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]

    @property
    def probes(self) -> tuple[Any, ...]:
        return self.values


Spec = Range | Choice


def flat_keys(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as dotted keys: `{lora: {rank: [8]}}` -> `{lora.rank: [8]}`. Specs are left whole."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and not set(value) & set(WORDS):
            flat |= flat_keys(value, f"{path}.")
        else:
            flat[path] = value
    return flat


def read_spec(value: Any) -> Spec:
    """The values a search may try, from their form in the recipe. Raises ValueError that says what is wrong."""
    if isinstance(value, list | tuple):
        return _choice(value)
    if not isinstance(value, Mapping) or len(value) != 1 or next(iter(value)) not in WORDS:
        raise ValueError(f"{value!r} is no range; give {FORMS}")
    ((word, ends),) = value.items()
    if word == "choice":
        if not isinstance(ends, list | tuple):
            raise ValueError(f"choice takes a list of values, not {ends!r}")
        return _choice(ends)
    return _range(word, ends)


def _choice(values: list[Any] | tuple[Any, ...]) -> Choice:
    if not values:
        raise ValueError("the list is empty; name at least one value")
    by_form = {repr(value): value for value in values}  # 1, 1.0 and true are equal, but not the same value
    return Choice(values=tuple(by_form.values()))


def _range(kind: RangeKind, ends: Any) -> Range:
    if not isinstance(ends, list | tuple) or len(ends) != 2:
        raise ValueError(f"{kind} takes [low, high], not {ends!r}")
    low, high = (_number(end) for end in ends)
    if low >= high:
        raise ValueError(
            f"the range from {low:g} to {high:g} is empty; the first number must be the lower one"
        )
    if kind == "log" and low <= 0:
        raise ValueError(f"a log range must start above 0, not at {low:g}")
    if kind == "int" and not (low.is_integer() and high.is_integer()):
        raise ValueError(f"int takes whole numbers, not {ends!r}")
    return Range(kind=kind, low=low, high=high)


def _number(value: Any) -> float:
    """YAML reads `5e-5`, without a dot, as a text: it is a number all the same."""
    try:
        number = float("nan") if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no number that a range can end with")
    return number
