"""The name that a mistyped word was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

ALIKE = 0.5
"""Share of characters in common (`difflib`) from which a name is worth suggesting."""


def nearest(word: str, known: Iterable[str], *, alike: float = ALIKE) -> str | None:
    """The known name most like `word`, in any case; None where none is like it, with a share of `alike` or more."""
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, n=1, cutoff=alike)
    return names[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'name'?` to end a sentence with, or nothing."""
    name = nearest(word, known)
    return "" if name is None else f"; did you mean '{name}'?"
