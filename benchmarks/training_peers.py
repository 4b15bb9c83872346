"""Which comparisons of trainers `make bench` runs, and how their results are called."""

from __future__ import annotations

from collections.abc import Iterable

from peers.comparison import SIDES, Comparison

MODELS = ("llama-42m", "llama-135m", "qwen2.5-0.5b", "llama-3.2-1b", "opt-1.3b", "biogpt", "llama-3.1-8b")
"""Shipped configurations, in which the base's own dropout is 0: ours is off while an adapter is trained."""
DROPOUTS = (0.05, 0.0)
FEWEST_STEPS = 5
SLOW = 3
"""A processor without instructions for bf16 takes the plan's steps by this, and no trainer that wants bf16."""
SMALL, MIDDLE = ("llama-42m", "llama-135m"), ("qwen2.5-0.5b",)
"""Bases that it measures with and without dropout, and with dropout only. Of larger ones it takes our own speed beside
the roof, with dropout, because searching a peer's settings takes hours there. One that is asked for gets all."""
LARGE = tuple(side for side in SIDES if side != "tutorial")
FEW = ("native", "trl", "trl_tuned", "unsloth", "axolotl")
PLAN = {
    ("llama-42m", "short"): (33, tuple(SIDES)),
    ("llama-42m", "instructed"): (33, LARGE),
    ("llama-135m", "short"): (33, tuple(SIDES)),
    ("llama-42m", "long"): (18, tuple(SIDES)),
    ("qwen2.5-0.5b", "short"): (8, LARGE),
    ("biogpt", "short"): (8, FEW),
    ("llama-3.2-1b", "short"): (6, FEW),
    ("opt-1.3b", "short"): (6, FEW),
}
"""(base, rows) -> optimiser steps and the trainers that run them; a tutorial's script takes hours on the largest."""
OTHERS = (8, FEW)
"""Of what is not in the plan but asked for."""
QUICK, FEWEST_ON_GPU = 10, 60
"""A GPU takes the plan's steps times this, so that they are not over in a blink, and at least so many."""
LARGEST = (("llama-3.1-8b", "short"), ("llama-3.1-8b", "long"))
"""Part of the plan on a GPU of `ROOM_GB`; elsewhere run where they are asked for: their fp32 reference takes 32 GB."""
ROOM_GB = 60


def planned(
    *,
    model: str | None,
    workload: str | None,
    dropout: float | None,
    sides: Iterable[str] | None,
    steps: int | None,
    rounds: int,
    is_slow: bool = False,
    gpu_gb: float | None = None,
) -> list[Comparison]:
    """The comparisons of the plan, or of what is asked for in place of it.

    `is_slow` is a machine without bf16, on which the plan would take days: it takes fewer steps, and trainers whose
    defaults are bf16 all the same run only where they are asked for: what they take there says little about them.
    Larger bases get less there too, see `SMALL`.
    `gpu_gb` is the memory of the GPU, where there is one.
    """
    pairs = [
        pair
        for pair in [*PLAN, *(LARGEST if (gpu_gb or 0) >= ROOM_GB else ())]
        if (model is None or pair[0] == model) and (workload is None or pair[1] == workload)
    ]
    if not pairs and model:
        pairs = [(model, workload or "short")]
    made = []
    for pair in pairs:
        usual_steps, usual_sides = PLAN.get(pair, OTHERS)
        if gpu_gb is not None:
            usual_steps = max(FEWEST_ON_GPU, QUICK * usual_steps)
        if is_slow:
            usual_steps = max(FEWEST_STEPS, usual_steps // SLOW)
            usual_sides = tuple(side for side in usual_sides if not SIDES[side].wants_bf16)
        usual_dropouts = DROPOUTS
        if is_slow and model is None and pair[0] not in SMALL:
            usual_dropouts = DROPOUTS[:1]
            usual_sides = usual_sides if pair[0] in MIDDLE else ("native",)
        chosen = tuple(sides or usual_sides)
        for share in usual_dropouts if dropout is None else (dropout,):
            made.append(
                Comparison(
                    model=pair[0],
                    workload=pair[1],
                    dropout=share,
                    steps=steps or usual_steps,
                    rounds=rounds,
                    # Ours comes first: every other side is held against it.
                    sides=tuple(side for side in SIDES if side in {"native", *chosen}),
                )
            )
    return made


def name_of(comparison: Comparison) -> str:
    """The name of a result's file."""
    return f"training_peers-{comparison.model}-{comparison.workload}-{comparison.dropout}"


def options_of(comparison: Comparison) -> str:
    """What the command that repeats a comparison says besides `--only training_peers`."""
    return (
        f" --model {comparison.model} --workload {comparison.workload} --dropout {comparison.dropout}"
        f" --steps {comparison.steps} --rounds {comparison.rounds} --sides {' '.join(comparison.sides)}"
    )
