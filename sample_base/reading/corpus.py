"""The whole reading: documents in random order, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from medadapt.samples.knowledge import load_conditions
from reading.conditions import article, comparison, side
from reading.everyday import scene
from reading.findings import finding, index_of
from reading.stories import story

SHARES = {"article": 0.36, "side": 0.18, "story": 0.14, "finding": 0.12, "comparison": 0.05, "scene": 0.15}
"""How often each kind of document is drawn.

Articles and single sides hold every fact in many wordings, which is what makes facts usable in another form
later; findings and stories go from the fact to the name. Everyday scenes keep the language from being medical only.
"""


def documents(seed: int | str) -> Iterator[str]:
    """Documents without end; every condition is drawn equally often."""
    rng = random.Random(f"reading {seed}")  # Random(-1) would be Random(1)
    conditions = list(load_conditions())
    index = index_of(conditions)
    deck: list[int] = []
    while True:
        if not deck:
            deck = rng.sample(range(len(conditions)), len(conditions))
        kind = rng.choices(list(SHARES), weights=list(SHARES.values()))[0]
        if kind == "scene":
            yield scene(rng)
        elif kind == "finding":
            yield finding(index, rng)
        else:
            condition = conditions[deck.pop()]
            if kind == "article":
                yield article(condition, rng)
            elif kind == "side":
                yield side(condition, rng)
            elif kind == "story":
                yield story(condition, rng)
            elif text := comparison(condition, conditions, rng):
                yield text
