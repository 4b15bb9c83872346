"""The reliability diagram as data: what the model claims and what comes true, bin by bin."""

from __future__ import annotations

from typing import Any

import numpy as np

from medadapt.metrics.calibration.bins import NUM_BINS, equal_mass_bins
from medadapt.metrics.marking.marks import FloatArray, IntArray
from medadapt.metrics.statistics.intervals import wilson


def reliability(
    confidence_N: FloatArray,
    right_N: FloatArray,
    group_N: IntArray,
    *,
    alpha: float,
    num_bins: int = NUM_BINS,
) -> list[dict[str, Any]]:
    """One row a bin, from low to high confidence.

    Each has its `n`, the `lowest`, `highest` and mean `confidence`, and the `accuracy` with `low` and `high`:
    Wilson's interval, with as many records as the bin has groups.
    """
    bin_N = equal_mass_bins(confidence_N, num_bins)
    rows = []
    for place in range(int(bin_N.max()) + 1):
        inside = bin_N == place
        accuracy = float(right_N[inside].mean())
        low, high = wilson(accuracy, n=len(np.unique(group_N[inside])), alpha=alpha)
        rows.append(
            {
                "n": int(inside.sum()),
                "lowest": float(confidence_N[inside].min()),
                "highest": float(confidence_N[inside].max()),
                "confidence": float(confidence_N[inside].mean()),
                "accuracy": accuracy,
                "low": low,
                "high": high,
            }
        )
    return rows
