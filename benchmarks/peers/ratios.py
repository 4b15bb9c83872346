"""Interleaved runs of several sides -> medians, ratios and their spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times as fast as a peer we are, or why that is not told."""

    value: float | None
    """Our median by the peer's."""
    low: float | None = None
    high: float | None = None
    """Smallest and largest ratio of one round."""
    refused: tuple[str, ...] = ()


def ratio(ours: Sequence[float], theirs: Sequence[float], refused: Sequence[str] = ()) -> Ratio:
    """The ratio of two series of speeds, one value a round; nothing where a gate refused it.

    >>> ratio([10.0, 12.0, 11.0], [5.0, 4.0, 5.5])
    Ratio(value=2.2, low=2.0, high=3.0, refused=())
    """
    if refused:
        return Ratio(value=None, refused=tuple(dict.fromkeys(refused)))
    rounds = [our / their for our, their in zip(ours, theirs, strict=True)]
    return Ratio(value=median(ours) / median(theirs), low=min(rounds), high=max(rounds))


def ratios_of(
    speeds: Mapping[str, Sequence[float]], refused: Mapping[str, Sequence[str]], *, ours: str
) -> dict[str, Ratio]:
    """The ratio of our side to every other one. Where our own side broke a gate, none is told."""
    own = list(refused.get(ours, ()))
    return {
        side: ratio(speeds[ours], speed, [*(f"ours: {reason}" for reason in own), *refused.get(side, ())])
        for side, speed in speeds.items()
        if side != ours
    }
