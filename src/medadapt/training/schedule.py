"""The learning rate of a step: a function of its number, so there is no scheduler state to lose."""

from __future__ import annotations

import math

from medadapt.core.recipe import Schedule, TrainingSection


def learning_rate(step: int, *, total: int, peak: float, schedule: Schedule, warmup_steps: int) -> float:
    """Learning rate of step 1..total: a straight rise to `peak` over the warm-up, then the schedule's fall.

    The first step already learns, and the rate would reach 0 one step after the last.

    >>> from functools import partial
    >>> rate = partial(learning_rate, total=4, peak=1.0, schedule="linear", warmup_steps=2)
    >>> [round(rate(step), 2) for step in (1, 2, 3, 4)]
    [0.5, 1.0, 0.67, 0.33]
    """
    if step <= warmup_steps:
        return peak * step / warmup_steps
    if schedule == "constant":
        return peak
    done = (step - warmup_steps) / (total - warmup_steps + 1)
    return peak * (1 - done) if schedule == "linear" else peak * 0.5 * (1 + math.cos(math.pi * done))


def warmup_steps(training: TrainingSection, total: int) -> int:
    """Steps of the warm-up: a share below 1 of all steps, from 1 on a number; never the whole training."""
    asked = training.warmup * total if training.warmup < 1 else training.warmup
    return min(int(asked), max(total - 1, 0))
