"""The values of a trial: a function of the seed, the trial's number and what may be varied, and nothing else.

So a search that was interrupted, or that gets more trials later, goes on with the very same trials.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from medadapt.core.hashes import seeded_order
from medadapt.core.search_ranges import Choice, Range, Spec, read_spec

DIGITS = 4
"""Significant digits of a drawn number: more would only be harder to read."""


def draw_trials(vary: Mapping[str, Any], *, trials: int, seed: int) -> list[dict[str, Any]]:
    """The values of trials 0, 1, ...; key -> value each.

    Where every key has a list of values, no combination comes twice, and there may be fewer than `trials`.
    Elsewhere each trial is drawn independently of the others (random search: Bergstra and Bengio, 2012).
    """
    specs = {key: read_spec(value) for key, value in vary.items()}
    lists = [spec.values for spec in specs.values() if isinstance(spec, Choice)]
    if len(lists) == len(specs):
        grid = seeded_order(itertools.product(*lists), seed, key=repr)
        return [dict(zip(specs, values, strict=True)) for values in grid[:trials]]
    return [
        {key: _draw(spec, _generator(seed, number, key)) for key, spec in specs.items()}
        for number in range(trials)
    ]


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


def _generator(seed: int, number: int, key: str) -> np.random.Generator:
    """A stream of its own for each key, so that varying one key more leaves the others as they were."""
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4])
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, place)))
