"""What a reliability diagram is drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from medadapt.metrics.calibration.reliability import reliability
from medadapt.metrics.statistics.intervals import wilson


def test_each_bin_holds_what_was_claimed_and_what_came_true():
    random = np.random.default_rng(0)
    confidence, right = random.uniform(0.3, 1, 90), (random.random(90) < 0.5).astype(float)
    group = np.arange(90) // 2

    rows = reliability(confidence, right, group, alpha=0.1, num_bins=6)

    bins = np.split(np.argsort(confidence), 6)  # without ties, 15 in each
    for row, places in zip(rows, bins, strict=True):
        low, high = wilson(right[places].mean(), n=len(set(group[places])), alpha=0.1)
        assert row == pytest.approx(
            {
                "n": 15,
                "lowest": confidence[places].min(),
                "highest": confidence[places].max(),
                "confidence": confidence[places].mean(),
                "accuracy": right[places].mean(),
                "low": low,
                "high": high,
            }
        )
