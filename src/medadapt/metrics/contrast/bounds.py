"""Words that make a number a bound: `above 5`, `no more than 5`, `5 or less`."""

from __future__ import annotations

import re
from typing import NamedTuple

from medadapt.metrics.contrast.words import FUNCTION_WORDS, listed, word_key

MORE = "more|greater|higher|older|longer|larger|hotter|later|warmer|heavier|faster"
LESS = "less|fewer|lower|younger|shorter|smaller|earlier|cooler|colder|slower"
ABOUT = r"\s*(?:about|around|approximately|the age of|age|a|an)?\s*$"
UPWARD = re.compile(
    rf"(?:(?P<beyond>>(?!\s*=)|\b(?:{MORE})\s+than|\babove|\bover|\bexceed\w*)"
    rf"|>\s*=|≥\s*=?|\bat least|\bminimum of|\bfrom){ABOUT}",
    re.IGNORECASE,
)
DOWNWARD = re.compile(
    rf"(?:(?P<beyond><(?!\s*=)|\b(?:{LESS})\s+than|\bbelow|\bunder)"
    rf"|<\s*=|≤\s*=?|\bat most|\bmaximum of|\bup to|\bwithin){ABOUT}",
    re.IGNORECASE,
)
DENIED = re.compile(
    rf"\b(?:no|not|never)\s+(?:(?:\w+\s+){{0,2}}?(?:(?P<less>{LESS})\s+than|(?:{MORE})\s+than|exceed\w*)"
    rf"|(?:(?:be|go|get|fall|drop|sink|rise|climb)\s+)?(?:(?P<below>below|under)|above|over)){ABOUT}",
    re.IGNORECASE,
)
"""A bound that is turned round: `not more than` is `at most`, `should not fall below` is `at least`."""
UPWARD_AFTER = re.compile(
    r"^\s*(?:or|and)\s+(?:more|above|over|higher|older|greater|up|longer)\b|^\s*\+", re.IGNORECASE
)
DOWNWARD_AFTER = re.compile(
    r"^\s*(?:or|and)\s+(?:less|below|under|lower|younger|fewer|shorter)\b", re.IGNORECASE
)
WAYS = listed(f"{MORE} {LESS}".replace("|", " ")) | listed(
    """
    above below least most exceed exceeds exceeding exceeded minimum maximum than high low rise rises rising risen
    fall falls falling fallen drop drops dropping dropped climbs climbed raised lowered
    """
)
"""Words that say where a value lies, not what it is the value of."""
BESIDE = 3
"""Content words before a bound that may name what is bound."""


class Bound(NamedTuple):
    """Which side of a number is meant."""

    way: int
    """1 for `this or more`, -1 for `this or less`."""
    beyond: bool
    """Whether the number itself is left out: `more than 5`."""


def bound_of(before: str, after: str) -> Bound | None:
    """The bound that the words on either side make of a number; None where they make none.

    >>> bound_of("no more than ", " doses"), bound_of("", " or older"), bound_of("about ", " doses")
    (Bound(way=-1, beyond=False), Bound(way=1, beyond=False), None)
    """
    if DOWNWARD_AFTER.search(after):
        return Bound(-1, beyond=False)
    if UPWARD_AFTER.search(after):
        return Bound(1, beyond=False)
    if denied := DENIED.search(before):
        return Bound(1 if denied["less"] or denied["below"] else -1, beyond=False)
    for way, pattern in ((1, UPWARD), (-1, DOWNWARD)):
        if match := pattern.search(before):
            return Bound(way, beyond=match["beyond"] is not None)
    return None


def what_is_bound(before: str) -> frozenset[str]:
    """Keys of the content words right before a bound, without its own words: `BP` for `if BP is below`."""
    for pattern in (DENIED, UPWARD, DOWNWARD):
        before = pattern.sub("", before)
    spoken = [word.lower() for word in re.findall(r"[^\W\d_]+", before)]
    named = [word for word in spoken if word not in FUNCTION_WORDS | WAYS and not word.endswith("ly")]
    return frozenset(word_key(word) for word in named[-BESIDE:])
