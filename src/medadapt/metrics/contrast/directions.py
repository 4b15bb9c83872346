"""Words that point up or down a scale, and their opposites."""

from __future__ import annotations

from functools import lru_cache

from medadapt.metrics.contrast.words import KEPT

SCALES: dict[str, tuple[str, str]] = {
    "amount": (
        """
        increase increases increased increasing raise raises raised raising rise rises rising risen
        elevate elevated elevates elevation high higher highest greater gain gains gained more up
        excess excessive larger
        """,
        """
        decrease decreases decreased decreasing reduce reduces reduced reducing reduction lower
        lowers lowered lowering low lowest less lose loses losing lost loss fall falls fallen fewer
        down diminish diminished decline declines declined deficient smaller
        """,
    ),
    "quality": (
        "improve improves improved improving improvement better",
        "worsen worsens worsened worsening worse aggravate aggravates deteriorate deteriorates",
    ),
    "age": ("older", "younger"),
    "order": ("after", "before"),
    "onset": ("acute sudden", "chronic gradual"),
    "time": ("late later", "early earlier"),
    "pace": ("fast faster rapid rapidly quickly", "slow slower slowly"),
    "size": ("enlarged dilated widened", "shrunken constricted narrowed"),
    "activity": ("overactive stimulates stimulate", "underactive inhibits inhibit suppresses suppress"),
    "strength": ("stronger strengthen strengthens", "weaker weaken weakens"),
}  # fmt: skip
"""Scale -> words that point up and words that point down."""
PREFIXES = (("hyper", 1), ("hypo", -1), ("tachy", 1), ("brady", -1))


@lru_cache(maxsize=KEPT)
def direction_of(lower: str) -> tuple[str, int] | None:
    """The scale that a word points along and its direction, 1 or -1.

    >>> direction_of("lowers"), direction_of("hyperkalaemia"), direction_of("potassium")
    (('amount', -1), ('hyper/hypo kalemia', 1), None)
    """
    if (known := _words().get(lower.split("-")[0])) is not None:  # also of `low-fat`
        return known
    for prefix, way in PREFIXES:
        if lower.startswith(prefix) and len(lower) > len(prefix) + 4:
            pair = "hyper/hypo" if prefix.startswith("hyp") else "tachy/brady"
            return f"{pair} {lower[len(prefix) :].replace('ae', 'e')}", way
    return None


@lru_cache(maxsize=1)
def _words() -> dict[str, tuple[str, int]]:
    found = {}
    for scale, (up, down) in SCALES.items():
        found.update(dict.fromkeys(up.split(), (scale, 1)))
        found.update(dict.fromkeys(down.split(), (scale, -1)))
    return found


def is_direction(lower: str) -> bool:
    """Whether a word points along a scale."""
    return direction_of(lower) is not None
