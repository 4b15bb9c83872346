"""Which labels a model knows and which it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medadapt.metrics.marking.marks import Tallies


def per_class(tallies: Tallies, labels: Sequence[str]) -> dict[str, dict[str, float | int]]:
    """Precision, recall, F1 and support (records of that truth) of each label, as scikit-learn reports them.

    A ratio without cases (a label never chosen, or never true) is 0.
    """
    hits, truth, chosen = (tallies[name].sum(axis=0) for name in ("hits", "truth", "chosen"))
    return {
        label: {
            "precision": _share(hits[k], chosen[k]),
            "recall": _share(hits[k], truth[k]),
            "f1": _share(2 * hits[k], truth[k] + chosen[k]),
            "support": int(truth[k]),
        }
        for k, label in enumerate(labels)
    }


def averages(tallies: Tallies, labels: Sequence[str]) -> dict[str, Any]:
    """The last lines of scikit-learn's classification report: accuracy, and averages over all labels.

    Its macro average counts every label that is true or chosen, one that is only ever chosen with an F1 of 0;
    the metric `macro_f1` counts the true ones only. The micro average pools all decisions and equals the
    accuracy where every record has one.
    """
    rows = list(per_class(tallies, labels).values())
    records, hits = len(tallies["right"]), float(tallies["hits"].sum())
    chosen, truth = float(tallies["chosen"].sum()), float(tallies["truth"].sum())
    micro = {
        "precision": _share(hits, chosen),
        "recall": _share(hits, truth),
        "f1": _share(2 * hits, truth + chosen),
        "support": records,
    }
    return {
        "accuracy": float(tallies["right"].mean()),
        "micro avg": micro,
        "macro avg": _average(rows, [1.0] * len(rows), records),
        "weighted avg": _average(rows, [float(row["support"]) for row in rows], records),
    }


def _average(
    rows: Sequence[Mapping[str, float | int]], weights: Sequence[float], records: int
) -> dict[str, float | int]:
    shares = {
        key: float(np.average([row[key] for row in rows], weights=weights))
        for key in ("precision", "recall", "f1")
    }
    return {**shares, "support": records}


def confusion(models: Mapping[str, Tallies], labels: Sequence[str]) -> dict[str, Any]:
    """Counts by truth (rows) and decision (columns) for each model, in the order of `labels`.

    A record without a decision is in no column, so its row adds up to less than the support.
    """
    matrices = {
        name: (tallies["truth"].T @ tallies["chosen"]).astype(int).tolist()
        for name, tallies in models.items()
    }
    return {"labels": list(labels), **matrices}


def paired_counts(baseline: Tallies, tuned: Tallies, *, column: str = "right") -> dict[str, int]:
    """Records by who has them right, as the 0/1 marks of `column` say."""
    before, after = baseline[column] > 0, tuned[column] > 0
    return {
        "both_right": int(np.sum(before & after)),
        "baseline_only": int(np.sum(before & ~after)),
        "tuned_only": int(np.sum(~before & after)),
        "neither": int(np.sum(~before & ~after)),
    }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
