"""Signs of an emergency in what a user types: found by words alone, whatever the model says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

FILE = "red_flags.yaml"
DENIED = re.compile(r"\b(?:no|not|without|denies|denied|no signs? of|no history of) (?:any )?$")
"""Directly before a sign, in the same line, these words say that it is not there."""
FAR_ENOUGH = 40
"""Characters before a sign in which they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A public page that lists a sign."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RedFlag:
    """A sign of an emergency."""

    sign: str
    source: Source
    patterns: tuple[re.Pattern[str], ...]
    """All of them must be found."""


@cache
def red_flags() -> tuple[RedFlag, ...]:
    """The bundled list."""
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    values: Any = yaml.safe_load(text)
    sources = {name: Source(**one) for name, one in values["sources"].items()}
    return tuple(
        RedFlag(
            sign=entry["sign"],
            source=sources[entry["source"]],
            patterns=tuple(_pattern(one) for one in ([entry["any"]] if "any" in entry else entry["all"])),
        )
        for entry in values["flags"]
    )


def flags_in(text: str) -> list[RedFlag]:
    """The signs that a text names, in the order of the list.

    A sign that is only ever denied ("no chest pain") is none. A sign may go on in the next line, but a line that ends
    in "no" denies nothing of the next.
    """
    lines = text.casefold().replace("\u2019", "'").replace("_", " ").splitlines()
    plain = "\n".join(" ".join(line.split()) for line in lines if line.strip())
    return [flag for flag in red_flags() if all(_is_named(pattern, plain) for pattern in flag.patterns)]


def _is_named(pattern: re.Pattern[str], text: str) -> bool:
    return any(not _is_denied(text, found.start()) for found in pattern.finditer(text))


def _is_denied(text: str, start: int) -> bool:
    return DENIED.search(text, max(0, start - FAR_ENOUGH), start) is not None


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words)})\b".replace(" ", r"\s"))
