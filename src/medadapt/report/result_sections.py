"""Training curves, confusion matrices, results by class and group, and the worst regressions, as sections."""

from __future__ import annotations

from typing import Any

from medadapt.report import figures, wording
from medadapt.report.cases import Changes, changes
from medadapt.report.inputs import ReportInputs, facts, machine, spoken
from medadapt.report.sections import Block, Facts, Figure, Heading, Section, Table, Text

FIELD_NAMES = {"qtype": "question type"}
MODEL_TITLES = {"baseline": "Base model", "tuned": "Tuned model"}


def training_section(inputs: ReportInputs) -> Section:
    """What was trained on what machine, and how the loss fell."""
    run, steps = inputs.run, inputs.steps
    rows = machine(run)
    rows += facts(run.get("training") or {}, {"best_step": "Step of the kept adapter"})
    if steps:
        rows += (("Optimiser steps", wording.count(steps[-1]["step"])),)
        if seconds := sum(row.get("seconds") or 0 for row in steps):
            tokens = sum(row.get("tokens") or 0 for row in steps)
            rows += (("Time in steps", f"{wording.duration(seconds)}, {tokens / seconds:,.0f} tokens/s"),)
    blocks: list[Block] = [Facts(rows=rows)] if rows else []
    return Section(anchor="training", title="Training", blocks=(*blocks, *_curves(inputs)))


def _curves(inputs: ReportInputs) -> list[Block]:
    blocks: list[Block] = []
    if png := figures.training_loss(inputs.steps):
        losses = [row["loss"] for row in inputs.steps if row.get("loss") is not None]
        ends = f"from {losses[0]:.3f} to {losses[-1]:.3f}"
        blocks.append(
            Figure(
                file="training_loss.png",
                png=png,
                alt=f"Training loss over {len(losses)} optimiser steps, {ends}.",
                caption="Training loss of every optimiser step (nats per trained token).",
            )
        )
    if png := figures.learning_curve(inputs.steps):
        measured = [
            (row["validation_loss"], row["step"])
            for row in inputs.steps
            if row.get("validation_loss") is not None
        ]
        lowest, step = min(measured)
        blocks.append(
            Figure(
                file="learning_curve.png",
                png=png,
                alt=f"Training and validation loss. Lowest validation loss: {lowest:.3f} at step {step}.",
                caption="Training and validation loss. The adapter with the lowest validation loss is kept: "
                f"{lowest:.3f} at step {step}.",
            )
        )
    elif inputs.steps:
        blocks.append(
            Text(text="No validation loss was measured, so the adapter of the last step is the one kept.")
        )
    return blocks


def classes_section(inputs: ReportInputs) -> Section | None:
    """Confusion matrices and the table of classes; None for open questions."""
    blocks = [
        *_confusion(inputs.metrics.get("confusion") or {}),
        *_per_class(inputs.metrics.get("per_class") or {}),
    ]
    return Section(anchor="classes", title="Class by class", blocks=tuple(blocks)) if blocks else None


def _confusion(confusion: dict[str, Any]) -> list[Block]:
    labels = confusion.get("labels") or []
    blocks: list[Block] = []
    for model, title in MODEL_TITLES.items():
        if not labels or confusion.get(model) is None:
            continue
        matrix = confusion[model]
        png, left_out = figures.confusion_matrix(labels, matrix)
        right, total = sum(matrix[place][place] for place in range(len(labels))), sum(map(sum, matrix))
        share = f"{right:,} of {total:,}"
        note = f" {left_out} classes without a mistake are left out." if left_out else ""
        blocks.append(
            Figure(
                file=f"confusion_matrix_{model}.png",
                png=png,
                alt=f"Confusion matrix of the {title.lower()}: {share} records on the diagonal.",
                caption=f"{title}: {share} right (the diagonal). Rows are right answers.{note}",
                wide=len(labels) - left_out > 12,
            )
        )
    return blocks


def _per_class(per_class: dict[str, Any]) -> list[Block]:
    baseline, tuned = per_class.get("baseline") or {}, per_class.get("tuned") or {}
    if not tuned:
        return []

    tested = [label for label in tuned if tuned[label].get("support")]

    rows = tuple(
        (
            label,
            wording.count(tuned[label].get("support")),
            *(
                f"{wording.share(baseline.get(label, {}).get(key))} → {wording.share(tuned[label].get(key))}"
                for key in ("recall", "precision", "f1")
            ),
        )
        for label in sorted(tested, key=lambda label: (tuned[label].get("recall") or 0.0, label))
    )
    return [
        Heading(text="Classes, the least found first"),
        Text(text="Base → tuned. With few test records a class's figures are mostly chance.", quiet=True),
        Table(
            caption="Per class",
            columns=("class", "test records", "found (recall)", "right when named (precision)", "F1"),
            rows=rows,
        ),
    ]


def groups_section(inputs: ReportInputs) -> Section | None:
    """Results by subject, question type and the like; None where there are no groups."""
    primary = inputs.metrics["primary"]
    blocks: list[Block] = []
    for field, groups in (inputs.metrics.get("groups") or {}).items():
        if not isinstance(groups, dict) or not groups:
            continue
        rows = tuple(
            (
                value,
                wording.count(row.get("n")),
                *(wording.estimate(primary, row.get(model)) for model in MODEL_TITLES),
            )
            for value, row in sorted(groups.items(), key=lambda item: (-(item[1].get("n") or 0), item[0]))
        )
        name = FIELD_NAMES.get(field, spoken(field))
        columns = (name, "test records", *MODEL_TITLES.values())
        blocks.append(Table(caption=f"By {name}", columns=columns, rows=rows))
    if not blocks:
        return None
    note = Text(
        text="Small groups say little: read a row only together with its number of test records.", quiet=True
    )
    return Section(anchor="groups", title="Group by group", blocks=(note, *blocks))


def regressions_section(inputs: ReportInputs) -> Section:
    """How many records tuning broke and mended, and the worst with their texts."""
    task = inputs.metrics["task"]
    found = changes(
        task,
        inputs.metrics["primary"],
        test=inputs.test,
        baseline=inputs.baseline,
        tuned=inputs.tuned,
        prompts=inputs.prompts,
    )
    if not found.worst:
        blocks: tuple[Block, ...] = (Text(text="No test record became worse."),)
    else:
        blocks = (Text(text=_count(found, open_questions=task == "qa")), *found.worst)
    return Section(anchor="regressions", title="Worst regressions", blocks=blocks)


def _count(found: Changes, *, open_questions: bool) -> str:
    shown = wording.amount(len(found.worst), "record")
    if open_questions:
        return (
            f"The reference answer became less likely in {wording.amount(found.broken, 'record')} and more "
            f"likely in {found.mended:,}. Here are the {shown} where it fell most."
        )
    return (
        f"Tuning broke {wording.amount(found.broken, 'answer')} and mended {found.mended:,}. Here are the "
        f"{shown} hit hardest: broken answers first, then those whose right answer lost most probability."
    )
