"""The values of a trial: a function of the seed, the trial's number and what may be varied, and nothing else.

So a search that was interrupted, or that gets more trials later, goes on with the very same trials.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from medadapt.core.hashes import seeded_order
from medadapt.core.search_ranges import Choice, Range, Spec, read_spec

DIGITS = 4
"""Significant digits of a drawn number: more would only be harder to read."""
LARGEST_GRID = 10_000
"""Combinations that are put in order. Of more, so few are tried that they are drawn."""
ATTEMPTS = 1000
"""Draws for a combination that was not tried; after so many there is hardly one left."""


def draw_trials(
    vary: Mapping[str, Any], *, trials: int, seed: int, repeats: bool = False
) -> list[dict[str, Any]]:
    """The values of trials 0, 1, ...; key -> value each (random search: Bergstra and Bengio, 2012).

    All trials share the seed, so one that repeats the values of another would teach nothing: none does, and
    where no other values are left there are fewer than `trials`. Lists and whole numbers with few combinations
    are put in a random order; else a repeated combination is drawn again.
    With `repeats` values are drawn as they once were, for the searches that began so: twice, where it happens.
    """
    # The order of the keys makes no other search, but earlier ones drew by it.
    specs = {key: read_spec(vary[key]) for key in (vary if repeats else sorted(vary))}
    if (lists := _lists(specs, repeats=repeats)) is not None:
        grid = seeded_order(itertools.product(*lists), seed, key=repr)
        return [dict(zip(specs, values, strict=True)) for values in grid[:trials]]
    if repeats:
        return [_combination(specs, seed, (number,)) for number in range(trials)]
    return list(itertools.islice(_different(specs, seed), trials))


def _lists(specs: Mapping[str, Spec], *, repeats: bool) -> list[Sequence[Any]] | None:
    """The values of each key, where all are lists, or whole numbers whose combinations are few enough."""
    ranges = [spec for spec in specs.values() if isinstance(spec, Range)]
    if ranges and (repeats or any(spec.kind != "int" for spec in ranges) or _count(specs) > LARGEST_GRID):
        return None
    return [
        spec.values if isinstance(spec, Choice) else range(int(spec.low), int(spec.high) + 1)
        for spec in specs.values()
    ]


def _count(specs: Mapping[str, Spec]) -> int:
    """Combinations of lists and whole numbers."""
    return math.prod(
        len(spec.values) if isinstance(spec, Choice) else int(spec.high) - int(spec.low) + 1
        for spec in specs.values()
    )


def _different(specs: Mapping[str, Spec], seed: int) -> Iterator[dict[str, Any]]:
    """Combinations of which none comes twice; ends where no other one is found."""
    drawn: set[str] = set()
    for number in itertools.count():
        for attempt in range(ATTEMPTS):
            values = _combination(specs, seed, (number, attempt) if attempt else (number,))
            if repr(values) not in drawn:
                break
        else:
            return
        drawn.add(repr(values))
        yield values


def _combination(specs: Mapping[str, Spec], seed: int, place: tuple[int, ...]) -> dict[str, Any]:
    return {key: _draw(spec, _generator(seed, place, key)) for key, spec in specs.items()}


def _draw(spec: Spec, generator: np.random.Generator) -> Any:
    if isinstance(spec, Choice):
        return spec.values[int(generator.integers(len(spec.values)))]
    if spec.kind == "int":
        return int(generator.integers(int(spec.low), int(spec.high), endpoint=True))
    if spec.kind == "log":
        return _rounded(math.exp(generator.uniform(math.log(spec.low), math.log(spec.high))), spec)
    return _rounded(float(generator.uniform(spec.low, spec.high)), spec)


def _rounded(value: float, spec: Range) -> float:
    return min(max(float(f"{value:.{DIGITS}g}"), spec.low), spec.high)


def _generator(seed: int, place: tuple[int, ...], key: str) -> np.random.Generator:
    """A stream of its own for each key, so that varying one key more leaves the others as they were."""
    of_key = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(*place, of_key)))
