"""Everyday English: small scenes from kitchens, gardens, roads, schools and waiting rooms.

It gives the model words and sentence shapes that medicine alone would not: questions, advice, first and second
person, time, reasons, feelings.
"""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from reading.wording import Slots, joined, written

HERE = Path(__file__).resolve().parent


def scene(rng: random.Random) -> str:
    """Three to eight sentences of everyday life."""
    material = _material()
    words = material["words"]
    slots: Slots = {
        **{name: lambda known=known: rng.choice(known) for name, known in words.items()},
        "feeling": lambda: joined(rng.sample(words["feeling"], rng.choice((1, 1, 2))), rng=rng),
        "number": lambda: str(rng.randint(2, 90)),
    }
    return " ".join(written(material["patterns"], rng, slots) for _ in range(rng.randint(3, 8)))


@cache
def _material() -> dict[str, Any]:
    return dict(yaml.safe_load((HERE / "everyday.yaml").read_text(encoding="utf-8")))
