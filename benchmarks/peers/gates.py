"""Whether two trainings did the same work. Where they did not, no ratio of their speeds is told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

FIRST_LOSS = 0.0005
"""Largest relative difference of the first step's loss from a plain fp32 computation of the same rows."""
FIRST_GRADIENT = 0.005
"""The same of the first gradient's length, where no dropout changes it."""
CURVE = {0.0: 0.03, 0.05: 0.10}
"""Dropout -> largest difference of a step's loss from ours, as a share of what was learned.

What was learned is how far the mean loss of all steps lies below the first one. A share of the loss itself would let a
side pass that learns little, because a few steps lower the loss of a random model by a tenth of it. With dropout each
side has other masks.
"""
MEAN_OF_CURVE = 0.10
"""The same of the mean over the steps that both take, where a side puts other rows together into a step.

A side whose steps hold fewer tokens takes more of them, and its later ones lie lower: they say nothing about whether it
learns alike. With dropout ours is held in this way against the plain computation: one step of unlucky masks would
refuse every ratio.
"""
CURVE_STEPS = 33
"""Later steps are not looked at: rounding alone leads two trainings apart in time."""
PLAIN_STEPS = 16
"""So many steps of ours are held against a plain fp32 computation: it takes a row at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a side says of its own work, by which it is judged."""

    same_steps: bool = True
    """The same rows in the same step; else only the same rows in all."""
    learns: str = "answers"
    """`answers`, or `all` where it learns prompts, too."""
    is_measure: bool = False
    """The others are held against its losses, so these are held against a plain computation, where there is one."""


def broken_gates(
    run: Mapping[str, Any], ours: Mapping[str, Any], facts: Mapping[str, Any], promise: Promise
) -> list[str]:
    """Why the speed of `run` must not be compared with that of `ours`; empty where it may.

    `facts` are those of the prepared workload. Every loss is in nats per learned token.
    """
    losses, norm = run["losses"], run["grad_norm"]
    if not losses or not all(math.isfinite(loss) for loss in losses):
        return ["a loss is not finite"]
    if len(losses) != run["steps"]:
        return [f"{len(losses)} losses of {run['steps']} steps"]
    curve = ours["losses"] if promise.learns == "answers" else facts["curve_of_all"]
    if promise.is_measure:
        curve = facts["curve_of_answers"] or curve
    return [
        *_same_work(run, facts, promise),
        *_adapter_moved(run),
        *_same_settings(run, ours, facts),
        *_first_step(losses[0], norm, facts, promise),
        *_same_curve(losses, curve, facts["dropout"], promise),
    ]


def _same_work(run: Mapping[str, Any], facts: Mapping[str, Any], promise: Promise) -> list[str]:
    """Every row was read whole, and the tokens that should be learned were learned."""
    rows, tokens, supervised = _totals(run["steps"], facts, promise)
    found = {"rows": rows, "tokens": tokens, "learned tokens": supervised}
    got = {"rows": run["rows"], "tokens": run["tokens"], "learned tokens": run["supervised"]}
    return [f"{got[name]} {name} instead of {found[name]}" for name in found if got[name] != found[name]]


def _totals(steps: int, facts: Mapping[str, Any], promise: Promise) -> tuple[int, int, int]:
    """Rows, tokens and learned tokens of so many steps, or of all rows where steps hold other rows."""
    taken = slice(0, steps) if promise.same_steps else slice(None)
    rows, tokens = sum(facts["rows"][taken]), sum(facts["tokens"][taken])
    if promise.learns == "all":  # its script closes no answer, and predicts the first token from padding
        return rows, tokens - rows, tokens - rows
    return rows, tokens, sum(facts["supervised"][taken])


def _adapter_moved(run: Mapping[str, Any]) -> list[str]:
    still = run["adapters"] - run["moved"]
    return [f"{still} of {run['adapters']} tensors of the adapter did not move"] if still else []


def _same_settings(run: Mapping[str, Any], ours: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """What hardly shows in a loss: the dropout of the adapter's layers, the device and its threads."""
    problems = []
    if run["dropouts"] != [facts["dropout"]]:
        problems.append(f"the adapter's dropout is {run['dropouts']} instead of {facts['dropout']}")
    if run["device"] != ours["device"]:
        problems.append(f"trained on {run['device']} instead of {ours['device']}")
    if run["threads"] != ours["threads"]:
        problems.append(f"{run['threads']} threads instead of {ours['threads']}")
    return problems


def _first_step(loss: float, norm: float | None, facts: Mapping[str, Any], promise: Promise) -> list[str]:
    """The first step starts from the same weights, so its loss and its gradient are known."""
    first = facts["first_step"][promise.learns]
    problems = []
    if promise.same_steps and (apart := _apart(loss, first["loss"])) > FIRST_LOSS:
        problems.append(f"the first loss is {loss:.4f} instead of {first['loss']:.4f} ({apart:.2%} apart)")
    if norm is None or not norm > 0:
        problems.append("the first gradient is zero or unknown")
    elif (
        promise.same_steps
        and not facts["dropout"]
        and (apart := _apart(norm, first["norm"])) > FIRST_GRADIENT
    ):
        problems.append(f"the first gradient has length {norm:.4g} instead of {first['norm']:.4g}")
    return problems


def _same_curve(
    losses: Sequence[float], wanted: Sequence[float], dropout: float, promise: Promise
) -> list[str]:
    """`wanted` are the losses of our side, or those of a plain computation for ours and where a side learns prompts.

    A side may take fewer steps than ours, or more.
    """
    both = min(len(losses), len(wanted), CURVE_STEPS)
    losses, wanted = losses[:both], wanted[:both]
    learned = wanted[0] - fmean(wanted)
    if not learned > 0:
        return ["nothing was learned that losses could be held against"]
    if not promise.same_steps or (promise.is_measure and dropout):
        share = abs(fmean(losses) - fmean(wanted)) / learned
        told, most = "the mean loss", MEAN_OF_CURVE
    else:
        share = max(abs(one - other) for one, other in zip(losses, wanted, strict=True)) / learned
        told, most = "a step's loss", CURVE[dropout]
    return [f"{told} is off by {share:.0%} of what was learned"] if share > most else []


def _apart(value: float, reference: float) -> float:
    return abs(value - reference) / abs(reference)
