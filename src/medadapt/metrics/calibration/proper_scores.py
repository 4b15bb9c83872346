"""Proper scores of probabilities: the log score and the Brier score, and what the latter is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from medadapt.metrics.calibration.beliefs import Beliefs, probabilities
from medadapt.metrics.calibration.bins import NUM_BINS, equal_mass_bins
from medadapt.metrics.marking.marks import FloatArray


def log_losses(beliefs: Beliefs, temperature: float = 1.0) -> FloatArray:
    """(n,) negative log-probability of each right answer in nats; infinite where it was not scored."""
    scaled_NK = beliefs.logits / temperature
    highest_N1 = scaled_NK.max(axis=1, keepdims=True)
    log_total_N = np.log(np.exp(scaled_NK - highest_N1).sum(axis=1)) + highest_N1[:, 0]
    return np.asarray(log_total_N - scaled_NK[np.arange(len(scaled_NK)), beliefs.truth])


def brier_losses(beliefs: Beliefs, temperature: float = 1.0) -> FloatArray:
    """(n,) squared distance of the probabilities from the truth, summed over the answers: 0 to 2."""
    shares_NK = probabilities(beliefs.logits, temperature)
    return np.asarray(((shares_NK - outcomes(beliefs)) ** 2).sum(axis=1))


def outcomes(beliefs: Beliefs) -> FloatArray:
    """(n, K) 1 for the right answer, else 0."""
    return np.eye(len(beliefs.names))[beliefs.truth]


class BrierParts(NamedTuple):
    """Brier score = reliability - resolution + uncertainty + within_bins."""

    reliability: float
    """How far the probabilities of a bin are from what happened in it; 0 is best."""
    resolution: float
    """How far the bins differ in what happened; more is better."""
    uncertainty: float
    """Score of always saying how frequent each answer is in these records: a property of the data."""
    within_bins: float
    """What is left because the probabilities of one bin are not all equal; may be negative."""


def brier_parts(beliefs: Beliefs, temperature: float = 1.0, num_bins: int = NUM_BINS) -> BrierParts:
    """The parts of the mean Brier score, answer by answer (one against all others) and then summed.

    The probabilities of each answer are cut into equal-mass bins of their own. The three parts are Murphy's
    (J. Appl. Meteorol. 1973). They add up only where a bin holds a single probability, so the two terms
    within bins (Stephenson, Coelho and Jolliffe, Weather and Forecasting 2008: variance of the
    probabilities less twice their covariance with the outcomes) are kept as a part of their own.
    """
    parts = [
        _parts(shares_N, outcome_N, num_bins)
        for shares_N, outcome_N in zip(
            probabilities(beliefs.logits, temperature).T, outcomes(beliefs).T, strict=True
        )
    ]
    return BrierParts(*(float(total) for total in np.sum(parts, axis=0)))


def _parts(share_N: FloatArray, outcome_N: FloatArray, num_bins: int) -> BrierParts:
    bin_N = equal_mass_bins(share_N, num_bins)
    count_B = np.bincount(bin_N)
    mean_share_B = np.bincount(bin_N, share_N) / count_B
    mean_outcome_B = np.bincount(bin_N, outcome_N) / count_B
    weight_B, overall = count_B / len(bin_N), outcome_N.mean()
    share_off_N, outcome_off_N = share_N - mean_share_B[bin_N], outcome_N - mean_outcome_B[bin_N]
    return BrierParts(
        reliability=float(weight_B @ (mean_share_B - mean_outcome_B) ** 2),
        resolution=float(weight_B @ (mean_outcome_B - overall) ** 2),
        uncertainty=float(overall * (1 - overall)),
        within_bins=float(np.mean(share_off_N * (share_off_N - 2 * outcome_off_N))),
    )
