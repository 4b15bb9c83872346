"""One model at one temperature on one set of records, as columns that can be measured and resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medadapt.metrics.calibration.beliefs import Beliefs, confidences
from medadapt.metrics.calibration.proper_scores import brier_losses, log_losses
from medadapt.metrics.marking.marks import FloatArray, on_grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Columns (n,) of n records."""

    confidence: FloatArray
    right: FloatArray
    log_loss: FloatArray
    """Nats; infinite where the right answer was not scored."""
    brier: FloatArray

    @property
    def wrong(self) -> FloatArray:
        """1 where the choice is not the right answer."""
        return np.asarray(1 - self.right)


def judge(beliefs: Beliefs, temperature: float = 1.0) -> Judged:
    """The columns of a model whose scores are divided by the temperature."""
    return Judged(
        confidence=confidences(beliefs, temperature),
        right=beliefs.right,
        log_loss=on_grid(log_losses(beliefs, temperature).tolist()),
        brier=on_grid(brier_losses(beliefs, temperature).tolist()),
    )
