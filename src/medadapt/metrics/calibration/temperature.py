"""One number that makes a model's probabilities bolder or shyer, fitted on validation only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from medadapt.metrics.calibration.beliefs import Beliefs
from medadapt.metrics.calibration.proper_scores import log_losses

LOWEST, HIGHEST = 0.01, 10_000.0
DIGITS = 6
"""Digits kept, fewer than the search is sure of, so that every machine finds the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """By what the scores are divided before they become probabilities."""

    value: float | None
    """Above 1: the model was too sure of itself. None where no value is best."""
    n_validation: int
    reason: str | None = None

    @property
    def used(self) -> float:
        """The value, and 1 (probabilities as they are) where there is none."""
        return 1.0 if self.value is None else self.value


def fit_temperature(validation: Beliefs) -> Temperature:
    """The temperature with the lowest mean log loss on validation records (Guo et al., ICML 2017).

    The loss is convex in 1 / temperature, so it has one lowest point at most, and a bounded search over the
    logarithm of the temperature finds it. There is none where the likeliest answers are all right (the
    bolder, the better) or the scores say nothing about the right answer (the shyer, the better), and none is given
    where it lies outside `LOWEST` to `HIGHEST`.
    """
    n = len(validation.ids)
    if reason := _why_none(validation):
        return Temperature(value=None, n_validation=n, reason=reason)

    def loss(log_temperature: float) -> float:
        return math.fsum(log_losses(validation, math.exp(log_temperature))) / n

    ends = (math.log(LOWEST), math.log(HIGHEST))
    found = float(optimize.minimize_scalar(loss, bounds=ends, method="bounded", options={"xatol": 1e-9}).x)
    lowest, (bold, shy) = loss(found), (loss(end) for end in ends)
    if min(bold, shy) <= lowest:
        reason = (
            f"the best temperature is below {LOWEST:g}: the scores of a record hardly differ"
            if bold < shy
            else f"the best temperature is above {HIGHEST:g}: the scores tell the right answer, but are far too sure"
        )
        return Temperature(value=None, n_validation=n, reason=reason)
    return Temperature(value=float(f"{math.exp(found):.{DIGITS}g}"), n_validation=n)


def _why_none(validation: Beliefs) -> str | None:
    """Why no temperature at all is best; None where one is, however high or low.

    Towards an infinite temperature, where all scored answers become as likely, the slope of the loss in 1 / temperature
    is what the right answer's score lacks to the mean score of its record, on average. The loss is convex: unless it
    falls there, it falls nowhere.
    """
    if not np.isfinite(log_losses(validation)).all():
        return "the right answer of a validation record was not scored"
    below_NK = validation.logits - validation.logits.max(axis=1, keepdims=True)
    scored_NK = np.isfinite(below_NK)
    mean_N = np.where(scored_NK, below_NK, 0.0).sum(axis=1) / scored_NK.sum(axis=1)
    truth_N = below_NK[np.arange(len(below_NK)), validation.truth]
    if math.fsum(mean_N - truth_N) >= 0:
        return "the shyer, the better: on validation the scores say nothing about the right answer"
    if (truth_N == 0).all():
        return "the bolder, the better: on validation the likeliest answer is always right"
    return None
