"""Which labels a model knows and which it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from medadapt.metrics.marks import Tallies


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


def confusion(models: Mapping[str, Tallies], labels: Sequence[str]) -> dict[str, Any]:
    """Counts by truth (rows) and decision (columns) for each model, in the order of `labels`.

    A record without a decision is in no column, so its row adds up to less than the support.
    """
    matrices = {
        name: (tallies["truth"].T @ tallies["chosen"]).astype(int).tolist()
        for name, tallies in models.items()
    }
    return {"labels": list(labels), **matrices}


def paired_counts(baseline: Tallies, tuned: Tallies) -> dict[str, int]:
    """Records by who has them right."""
    before, after = baseline["right"] > 0, tuned["right"] > 0
    return {
        "both_right": int(np.sum(before & after)),
        "baseline_only": int(np.sum(before & ~after)),
        "tuned_only": int(np.sum(~before & after)),
        "neither": int(np.sum(~before & ~after)),
    }


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
