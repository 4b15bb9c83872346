"""Confusion matrices, precision and recall, and answers by scoring and in writing, as a section."""

from __future__ import annotations

from typing import Any

from medadapt.core.results import MODEL_NAMES
from medadapt.report import wording
from medadapt.report.figures.matrices import confusion_matrices, labels_to_show
from medadapt.report.inputs import ReportInputs
from medadapt.report.sections import Block, Figure, Heading, Section, Table, Text

OF_A_LABEL = {"recall": "found (recall)", "precision": "right when named (precision)", "f1": "F1"}
TOTAL_NAMES = {
    "macro avg": "mean over labels",
    "weighted avg": "mean over records",
    "micro avg": "all records together",
}


def labels_section(inputs: ReportInputs) -> Section | None:
    """What each label was taken for; None for open questions, which have none."""
    metrics = inputs.metrics
    by = wording.by_choice(metrics["primary"])
    blocks = [
        *_scored_and_written(metrics),
        *_confusion(metrics.get("confusion") or {}, metrics["n"], by=by),
        *_per_label(metrics.get("per_class") or {}, metrics.get("classification_report") or {}, by=by),
    ]
    return Section(anchor="labels", title="Label by label", blocks=tuple(blocks)) if blocks else None


def _scored_and_written(metrics: dict[str, Any]) -> list[Block]:
    """The accuracy of choosing the likeliest answer beside that of writing one; nothing where one is missing."""
    scored, written = "accuracy", "accuracy_generated"
    if not all(metrics[model].get(key) for model in MODEL_NAMES for key in (scored, written)):
        return []
    rates = metrics.get("rates") or {}
    rows = tuple(
        (
            title,
            wording.estimate(scored, metrics[model][scored]),
            wording.estimate(written, metrics[model][written]),
            wording.share((rates.get(model) or {}).get("unparsed")),
        )
        for model, title in wording.MODEL_TITLES.items()
    )
    columns = ("", "accuracy by scoring", "accuracy in writing", "not understood")
    return [
        Table(caption="The same questions answered in two ways", columns=columns, rows=rows),
        Text(
            text="By scoring, the likeliest of the given answers counts. In writing, the model answers freely; "
            "an answer that is not understood counts as wrong.",
            quiet=True,
        ),
    ]


def _confusion(confusion: dict[str, Any], n: int, *, by: str) -> list[Block]:
    labels = confusion.get("labels") or []
    matrices = {model: confusion[model] for model in wording.MODEL_TITLES if confusion.get(model)}
    if not labels or not matrices:
        return []
    kept = labels_to_show(list(matrices.values()), len(labels))
    drawn = confusion_matrices(labels, list(matrices.values()), kept=kept)
    return [
        _matrix(model, matrix, png, num_kept=len(kept), n=n, by=by)
        for (model, matrix), png in zip(matrices.items(), drawn, strict=True)
    ]


def _matrix(model: str, matrix: list[list[int]], png: bytes, *, num_kept: int, n: int, by: str) -> Figure:
    right, decided = sum(row[place] for place, row in enumerate(matrix)), sum(map(sum, matrix))
    left_out = len(matrix) - num_kept
    title = wording.MODEL_TITLES[model]
    notes = ["Rows are right answers, columns the model's. Both matrices share one colour scale."]
    if decided < n:
        notes.append(f"{wording.amount(n - decided, 'record')} without an answer stand in no column.")
    if left_out:
        notes.append(f"{left_out:,} labels with the fewest mistakes are left out.")
    return Figure(
        file=f"confusion_matrix_{model}.png",
        png=png,
        alt=f"Confusion matrix of the {title.lower()}: {right:,} of {n:,} records on the diagonal.",
        caption=f"{title}: {right:,} of {n:,} right{by} (the diagonal). {' '.join(notes)}",
        wide=num_kept > 12,
    )


def _per_label(per_class: dict[str, Any], totals: dict[str, Any], *, by: str) -> list[Block]:
    baseline, tuned = per_class.get("baseline") or {}, per_class.get("tuned") or {}
    tested = [label for label in tuned if tuned[label].get("support")]
    if not tested:
        return []
    rows = [
        (
            label,
            wording.count(tuned[label].get("support")),
            *_changes(baseline.get(label) or {}, tuned[label]),
        )
        for label in sorted(tested, key=lambda label: (tuned[label].get("recall") or 0.0, label))
    ]
    return [
        Heading(text="Precision and recall: the labels found least come first"),
        Text(text="Base → tuned. With few test records a label's figures are mostly chance.", quiet=True),
        Table(
            caption=f"Per label{by}",
            columns=("label", "test records", *OF_A_LABEL.values()),
            rows=tuple(rows),
        ),
        *_totals(totals, by=by),
    ]


def _totals(totals: dict[str, Any], *, by: str) -> list[Block]:
    baseline, tuned = totals.get("baseline") or {}, totals.get("tuned") or {}
    rows = tuple(
        (name, *_changes(baseline.get(key) or {}, tuned[key]))
        for key, name in TOTAL_NAMES.items()
        if isinstance(tuned.get(key), dict)
    )
    if not rows:
        return []
    caption = f"All labels together{by}, base → tuned"
    return [Table(caption=caption, columns=("", *OF_A_LABEL.values()), rows=rows)]


def _changes(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    return tuple(
        f"{wording.share(_score(before, key))} → {wording.share(_score(after, key))}" for key in OF_A_LABEL
    )


def _score(scores: dict[str, Any], key: str) -> float | None:
    """A score of a label under our name for it or, for F1, under scikit-learn's."""
    value = scores.get(key)
    return scores.get("f1-score") if value is None and key == "f1" else value
