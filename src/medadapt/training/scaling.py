"""Dynamic loss scaling for fp16, whose smallest gradients would vanish otherwise.

The scale doubles after a run of good steps and halves when a scaled gradient overflows; that step is
skipped. (Micikevicius et al. 2018, "Mixed Precision Training".) In other formats the scale stays 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from medadapt.core.errors import DivergedError

FIRST_SCALE = 2.0**15
GOOD_STEPS_TO_DOUBLE = 500
MOST_SKIPS_IN_A_ROW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LossScale:
    """The factor on the loss, and what led to it; part of every checkpoint."""

    scale: float = 1.0
    dynamic: bool = False
    good_steps: int = 0
    skips_in_a_row: int = 0
    skipped: int = 0
    """Steps skipped in all."""


def first_scale(precision: str) -> LossScale:
    """The scale a training begins with."""
    return LossScale(scale=FIRST_SCALE, dynamic=True) if precision == "fp16" else LossScale()


def after_step(state: LossScale, *, overflowed: bool) -> LossScale:
    """The scale for the next step."""
    if not state.dynamic:
        return state
    if overflowed:
        return replace(
            state,
            scale=max(state.scale / 2, 1.0),
            good_steps=0,
            skips_in_a_row=state.skips_in_a_row + 1,
            skipped=state.skipped + 1,
        )
    good = state.good_steps + 1
    if good >= GOOD_STEPS_TO_DOUBLE:
        return replace(state, scale=state.scale * 2, good_steps=0, skips_in_a_row=0)
    return replace(state, good_steps=good, skips_in_a_row=0)


def check_skips(state: LossScale, step: int) -> None:
    """Raise DivergedError where too many steps in a row were skipped, the last of them `step`."""
    if state.skips_in_a_row >= MOST_SKIPS_IN_A_ROW:
        raise DivergedError(
            f"The gradient overflowed in {MOST_SKIPS_IN_A_ROW} steps in a row, the last is step {step}.",
            "a finite gradient",
            "Use model.precision: bf16 or fp32, or a lower training.learning_rate.",
        )
