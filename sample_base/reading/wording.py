"""Sentences from patterns: `[a|b]` is a choice, `{slot}` is filled in, `<is/are>` agrees with the slot before it."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

INNERMOST = re.compile(r"\[([^\[\]]*)\]")
SLOT = re.compile(r"\{(\w+)\}")
AGREES = re.compile(r"<([^/<>]+)/([^<>]+)>")
HEAD_ENDS = re.compile(
    r" (?:of|in|from|for|with|after|against|as|before|on|to|by|when|that|at|under|around|near|during|without)\b.*"
)
ONE_THING = frozenset({"diabetes", "herpes", "shingles", "measles", "mumps", "rabies"})
SENTENCE_START = re.compile(r"(^|[.!?]\s+)([a-z])")

Slots = Mapping[str, Callable[[], str] | str]


def written(patterns: str | Sequence[str], rng: random.Random, slots: Slots) -> str:
    """One pattern with its choices made and its slots filled, as sentences that begin with a capital.

    A slot that is a function is asked anew at each place it stands.
    """
    text = patterns if isinstance(patterns, str) else rng.choice(patterns)
    while "[" in text:
        text = INNERMOST.sub(lambda found: rng.choice(found[1].split("|")), text)

    last = ""
    parts: list[str] = []
    for literal, name in zip(*[iter([*SLOT.split(text), ""])] * 2, strict=True):
        form = r"\2" if "<" in literal and is_plural(last) else r"\1"
        parts.append(AGREES.sub(form, literal))
        if name:
            slot = slots[name]
            last = slot if isinstance(slot, str) else slot()
            parts.append(last)
    return capitalised(" ".join("".join(parts).split()))


def is_plural(phrase: str) -> bool:
    """Whether a verb after the phrase stands in the plural: `a and b`, `beta blockers`, `diseases of the eye`."""
    if re.search(r", | and ", phrase) and not re.match(r"(?:a|an|the|one) [^,]* and \w+$", phrase):
        return True
    head = HEAD_ENDS.sub("", phrase)
    first, last = head.split()[0], head.split()[-1]
    if first in {"a", "an"} or first.endswith("ing") or last in ONE_THING:
        return False
    return bool(re.search(r"(?:[^sui]|[aeo]i)s$", last))


def capitalised(text: str) -> str:
    """The text with a capital at the start of every sentence."""
    return SENTENCE_START.sub(lambda found: found[1] + found[2].upper(), text)


def listed(items: Sequence[str], rng: random.Random, *, most: int | None = None, joiner: str = "and") -> str:
    """Some of the items in random order, as a phrase: `a, b and c`."""
    count = min(len(items), rng.randint(1, most or len(items)))
    return joined(rng.sample(list(items), count), joiner, rng=rng)


def joined(items: Sequence[str], joiner: str = "and", *, rng: random.Random) -> str:
    """`a`, `a and b`, and `a, b and c` or, as often, `a, b, and c`."""
    if len(items) == 1:
        return items[0]
    comma = "," if len(items) > 2 and rng.random() < 0.5 else ""
    return f"{', '.join(items[:-1])}{comma} {joiner} {items[-1]}"
