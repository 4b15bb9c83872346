"""What in the metrics must not pass unnoticed, and the exit code it leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from medadapt.core.results import MODEL_NAMES, NO_EFFECT_NATS, START_ADAPTER, Metrics
from medadapt.core.shell_command import command
from medadapt.metrics.effect import has_effect

FindingKind = Literal[
    "edited", "leak", "regression", "no_effect", "diverged", "worse_than_uniform", "forgetting"
]

DIVERGED_RATIO = 1.01
"""A tuned loss worse than uniform counts as divergence only if it is more than 1 % above the baseline's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was found, and what to do about it."""

    kind: FindingKind
    exit_code: int
    """3 a gate failed, 4 training diverged, 0 worth knowing only; `forgetting` is a gate where one asks for it
    (`run --gate`)."""
    problem: str
    remedy: str


def findings(metrics: Metrics, *, allow_leak: bool) -> list[Finding]:
    """All findings of a `metrics.json`, the gravest first. `allow_leak` lifts the leak gate."""
    found = [
        _divergence(metrics),
        _edited((metrics.get("protocol") or {}).get("edited") or []),
        None if allow_leak else _leak(metrics["leakage"], metrics["n"]),
        None if allow_leak else _leak_from_start(metrics["leakage"], metrics["n"]),
        _regression(metrics),
        _no_effect(metrics["effect"]),
        _worse_than_uniform(metrics),
        _forgetting(metrics.get("forgetting") or {}),
    ]
    return [finding for finding in found if finding is not None]


def _edited(files: list[str]) -> Finding | None:
    if not files:
        return None
    more = f" and {len(files) - 3} more" if len(files) > 3 else ""
    return Finding(
        kind="edited",
        exit_code=3,
        problem=f"Not as MedAdapt left it: {', '.join(files[:3])}{more}. What follows from it proves nothing.",
        remedy=made_again(files, "RUN"),
    )


def made_again(files: Sequence[str], run: object) -> str:
    """The commands that make changed records and predictions of a run again, and keep its training."""
    steps = []
    if any(file.startswith("1-records/") for file in files):
        steps.append(f"`{command('prepare', run)}` (with --replace it would delete the training)")
    if any(file.startswith("4-predictions/") for file in files):
        steps.append(f"`{command('predict', run, '--replace')}`")
    steps.append(f"`{command('run', run)}`")
    return f"Run {', then '.join(steps)}."


def _leak(leakage: dict[str, Any], n: int) -> Finding | None:
    found = _overlap(leakage, leakage.get("gated", ()), n)
    if found is None:
        return None
    return Finding(
        kind="leak",
        exit_code=3,
        problem=f"The test set leaks: {found} the training or validation records, so the scores overstate what was "
        "learned.",
        remedy="Let `data.split.group: auto` split the data, take the records named in data.json out of ready-made "
        "splits, or accept it with `data.allow_leak: true`.",
    )


def _leak_from_start(leakage: dict[str, Any], n: int) -> Finding | None:
    """A leak of an earlier training: that of the adapter which this one started from."""
    found = _overlap(leakage.get(START_ADAPTER) or {}, leakage.get("gated", ()), n)
    if found is None:
        return None
    return Finding(
        kind="leak",
        exit_code=3,
        problem=f"The test set leaks: {found} what the adapter of model.adapter was trained on, so the scores "
        "overstate what was learned.",
        remedy="Give the run the data section and the seed of that adapter's run, which split the data as they were "
        "split there, take an adapter of other data, or accept it with `data.allow_leak: true`.",
    )


def _overlap(counts: dict[str, Any], gated: Sequence[str], n: int) -> str | None:
    """How many test inputs were seen, as the beginning of a sentence; None where no gated overlap was found."""
    if exact := counts.get("exact"):
        return f"{exact} of {n} test inputs also stand in"
    if (near := counts.get("near")) and "near" in gated:
        return f"{near} of {n} test inputs have a near copy in"
    return None


def _regression(metrics: Metrics) -> Finding | None:
    primary = metrics["primary"]
    change = metrics["difference"][primary]
    if change["verdict"] != "worse":
        return None
    level, ends = f"{100 * (1 - metrics['alpha']):.10g}%", ""
    if change["low"] is not None:  # without any spread between resamples the verdict rests on p alone
        ends = f" ({level} interval {change['low']:+.4g} to {change['high']:+.4g})"
    return Finding(
        kind="regression",
        exit_code=3,
        problem=f"The tuned model is worse than its base: {primary} changed by {change['value']:+.4g}{ends}.",
        remedy="Read the worst regressions in the report; try a lower learning rate or fewer epochs.",
    )


def _no_effect(effect: dict[str, Any]) -> Finding | None:
    if has_effect(effect):
        return None
    return Finding(
        kind="no_effect",
        exit_code=3,
        problem="The adapter has no effect: no decision changed and no log-likelihood moved by more than "
        f"{NO_EFFECT_NATS:g} nats.",
        remedy="Check that training took steps with a learning rate above 0 and that the adapter fits.",
    )


def _divergence(metrics: Metrics) -> Finding | None:
    before, after, uniform = _losses(metrics)
    if after is None or after <= uniform or (before is not None and after <= DIVERGED_RATIO * before):
        return None
    return Finding(
        kind="diverged",
        exit_code=4,
        problem=f"Training diverged: the tuned model's loss of {after:.3f} nats per token is worse than "
        f"uniform guessing over the vocabulary ({uniform:.3f}).",
        remedy="Lower `training.learning_rate`, or check the prompt, the labels and the precision.",
    )


def _worse_than_uniform(metrics: Metrics) -> Finding | None:
    before, _, uniform = _losses(metrics)
    if before is None or before <= uniform:
        return None
    return Finding(
        kind="worse_than_uniform",
        exit_code=0,
        problem=f"The base model is worse than uniform: its loss of {before:.3f} nats per token exceeds "
        f"that of guessing over the whole vocabulary ({uniform:.3f}).",
        remedy="Random weights do this, and a very small base that never read text of this form; with another base, "
        "check that it and its tokenizer belong together.",
    )


def _forgetting(found: dict[str, Any]) -> Finding | None:
    if found.get("verdict") in (None, "kept"):
        return None
    rises = ", ".join(
        f"{kind} {part['rise']['value']:+.3g}"
        for kind, part in found["kinds"].items()
        if part["verdict"] == found["verdict"]
    )
    lost = found["verdict"] == "lost"
    return Finding(
        kind="forgetting",
        exit_code=0,
        problem=f"Tuning {'has cost' if lost else 'may have cost'} the base general English: its loss rose by more "
        f"than {found['margin']:g} nats per token{'' if lost else ', or that is not ruled out'} ({rises}).",
        remedy="Train for fewer epochs or at a lower learning rate, or lower lora.rank, if the model shall also do "
        "other work.",
    )


def _losses(metrics: Metrics) -> tuple[float | None, float | None, float]:
    """Loss of the baseline and the tuned model, and ln(vocabulary size), in nats per token."""
    before, after = (metrics[model].get("loss", {}).get("value") for model in MODEL_NAMES)
    return before, after, metrics["uniform_loss"]
