"""What was trained on what machine and how the loss fell, as a section of the page."""

from __future__ import annotations

from typing import Any

from medadapt.core.results import MODEL_NAMES
from medadapt.report import wording
from medadapt.report.facts import described, facts, machine, start_adapter
from medadapt.report.figures.loss_curves import learning_curve, training_loss
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Facts, Figure, Section, Text

BACKENDS = {"native": "MedAdapt's own", "trl": "TRL's SFTTrainer"}
ONLY_MEASURED = (
    "Nothing was trained in this run: the adapter that model.adapter names was measured as it is, so there are "
    "no curves."
)


def training_section(inputs: ReportInputs) -> Section:
    """What was trained on what machine, and how the loss fell."""
    rows = (*machine(inputs.run), *training_facts(inputs))
    blocks: list[Block] = [Facts(rows=rows)] if rows else []
    return Section(anchor="training", title="Training", blocks=(*blocks, *_curves(inputs)))


def training_facts(inputs: ReportInputs) -> tuple[tuple[str, str], ...]:
    """How the training went, beyond what the recipe asks for: engine, start, end, the kept step, the time."""
    training, asked = inputs.run.get("training") or {}, inputs.recipe.get("training") or {}
    rows: tuple[tuple[str, str], ...] = ()
    if start := start_adapter(inputs):
        rows += (("Started from the adapter", start),)
    if (backend := training.get("backend") or asked.get("backend")) and backend != "native":
        rows += (("Training engine", BACKENDS.get(backend, described(backend))),)
    if passed := training.get("trainer") or asked.get("trainer"):
        rows += (("Settings passed to it", described(passed)),)
    if inputs.steps:
        rows += (("Optimiser steps", wording.count(inputs.steps[-1]["step"])),)
    rows += facts(training, {"best_step": "Step of the kept adapter"}) if inputs.steps else ()
    stopped = training.get("stopped_early")
    if stopped not in (None, False):
        after = "yes" if stopped is True else f"after step {wording.count(stopped)}"
        rows += (("Stopped early, for want of a better validation loss", after),)
    if seconds := sum(row.get("seconds") or 0 for row in inputs.steps):
        tokens = sum(row.get("tokens") or 0 for row in inputs.steps)
        rows += (("Time in steps", f"{wording.duration(seconds)}, {tokens / seconds:,.0f} tokens/s"),)
    return rows


def _curves(inputs: ReportInputs) -> list[Block]:
    if not inputs.steps:
        return [Text(text=ONLY_MEASURED)] if start_adapter(inputs) else []
    blocks: list[Block] = []
    if png := training_loss(inputs.steps):
        losses = [row["loss"] for row in inputs.steps if row.get("loss") is not None]
        ends = f"from {losses[0]:.3f} to {losses[-1]:.3f}"
        blocks.append(
            Figure(
                file="training_loss.png",
                png=png,
                alt=f"Training loss over {wording.amount(len(losses), 'optimiser step')}, {ends}.",
                caption="Training loss of every optimiser step (nats per trained token).",
            )
        )
    return [*blocks, *_learning_curve(inputs)]


def _learning_curve(inputs: ReportInputs) -> list[Block]:
    measured = [
        (row["validation_loss"], row["step"])
        for row in inputs.steps
        if row.get("validation_loss") is not None
    ]
    if measured:
        lowest, step = min(measured)
        kept = f"The adapter with the lowest validation loss is kept: {lowest:.3f} at step {step:,}."
    else:
        kept = "No validation loss was measured, so the adapter of the last step is the one kept."
    tested = _test_losses(inputs.metrics)
    if not (png := learning_curve(inputs.steps, tested)):
        return [] if measured else [Text(text=kept)]
    titles = {"baseline": "base", "tuned": "tuned"}
    lines = ", ".join(f"{titles[name]} {value:.3f}" for name, value in tested.items())
    on_test = f" Level lines: loss on test, {lines}." if lines else ""
    what = "Training and validation loss" if measured else "Training loss"
    return [Figure(file="learning_curve.png", png=png, alt=f"{what}. {kept}{on_test}",
                   caption=f"{what} (nats per token). {kept}{on_test}")]  # fmt: skip


def _test_losses(metrics: dict[str, Any]) -> dict[str, float]:
    """Loss of each model on test, where it was measured."""
    leaves = {name: (metrics[name].get("loss") or {}).get("value") for name in MODEL_NAMES}
    return {name: value for name, value in leaves.items() if value is not None}
