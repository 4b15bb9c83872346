"""Right and wrong for free text: a written answer is right when it is like enough to its reference.

This says how alike two texts are under one measure and one threshold, both stated beside the result. It does not
say whether medicine agrees: `not safe in pregnancy` is very like `safe in pregnancy`.
"""

from __future__ import annotations

from typing import Any

from medadapt.core.recipe import SoftMatchSection
from medadapt.metrics.marking.classes import paired_counts
from medadapt.metrics.statistics.paired import Pair, difference


def soft_matching(settings: SoftMatchSection, pair: Pair) -> dict[str, Any]:
    """Errors of both models, who is right where, and the difference of the shares right (see `results.Metrics`).

    p is McNemar's exact test and the interval Tango's, both by group where records share groups, as for every
    metric of right and wrong (`paired.py`).
    """
    matrix = paired_counts(pair.first, pair.second, column="right_soft")
    change = difference("soft_match", pair)
    return {
        "metric": settings.metric,
        "threshold": settings.threshold,
        "n": sum(matrix.values()),
        "errors": {
            "baseline": matrix["tuned_only"] + matrix["neither"],
            "tuned": matrix["baseline_only"] + matrix["neither"],
        },
        "matrix": matrix,
        "value": change.value,
        "low": change.low,
        "high": change.high,
        "p": change.p,
        "test": change.test,
        "reason": change.reason,
    }
