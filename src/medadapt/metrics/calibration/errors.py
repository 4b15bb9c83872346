"""How far confidence is from the share right, bin by bin: plain, expected by chance, and freed of chance.

The top-label errors of Guo et al. (ICML 2017) and Kumar, Liang and Ma (NeurIPS 2019), over equal-mass bins. All are
functions of sums over groups of records, (..., B) for B bins, so that a resample comes from the same code.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medadapt.metrics.calibration.bins import NUM_BINS, equal_mass_bins
from medadapt.metrics.marking.marks import FloatArray, IntArray
from medadapt.metrics.statistics.resampling import sum_groups


@dataclass(frozen=True, slots=True, kw_only=True)
class BinSums:
    """What the errors need of each bin. `gap` is right (0 or 1) less confidence, summed over records."""

    records: FloatArray
    gap: FloatArray
    groups: FloatArray
    """Groups with a record in the bin."""
    gap_squared: FloatArray
    """Sum over groups of the square of their `gap`."""
    gap_records: FloatArray
    """Sum over groups of `gap` times their records in the bin."""
    records_squared: FloatArray
    """Sum over groups of the square of their records in the bin."""


def group_columns(
    confidence_N: FloatArray, right_N: FloatArray, group_N: IntArray, num_bins: int = NUM_BINS
) -> FloatArray:
    """What each group adds to the fields of `BinSums`: (G, 6, B), in their order."""
    bin_N = equal_mass_bins(confidence_N, num_bins)
    member_NB = np.eye(int(bin_N.max()) + 1)[bin_N]
    gap_NB = member_NB * (right_N - confidence_N)[:, None]
    summed = sum_groups({"records": member_NB, "gap": gap_NB}, group_N)
    records_GB, gap_GB = summed["records"], summed["gap"]
    columns = (records_GB, gap_GB, records_GB > 0, gap_GB**2, gap_GB * records_GB, records_GB**2)
    return np.stack([np.asarray(column, dtype=np.float64) for column in columns], axis=1)


def bin_sums(sums: FloatArray) -> BinSums:
    """Columns summed over groups, (..., 6, B), by their names."""
    return BinSums(
        records=sums[..., 0, :],
        gap=sums[..., 1, :],
        groups=sums[..., 2, :],
        gap_squared=sums[..., 3, :],
        gap_records=sums[..., 4, :],
        records_squared=sums[..., 5, :],
    )


def expected_calibration_error(bins: BinSums) -> FloatArray:
    """Mean over records of the absolute gap of their bin (ECE), 0 to 1. Chance alone makes it larger than 0."""
    return np.asarray(np.abs(bins.gap).sum(axis=-1) / bins.records.sum(axis=-1))


def debiased_squared_error(bins: BinSums) -> FloatArray:
    """Mean over records of the squared gap of their bin, less what chance adds to it.

    The square of a bin's mean gap is too large by the variance of that mean, which is estimated from the
    spread within the bin and removed, as Kumar, Liang and Ma do. They take the variance of the outcomes,
    here it is that of the gaps: the same where a bin holds one confidence, and without bias where it holds
    several. Records of one group count as one observation. Not clipped: around 0 for a calibrated
    model, on either side. A bin of a single group tells nothing and adds 0.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = bins.gap / bins.records
        spread = bins.gap_squared - 2 * mean * bins.gap_records + mean**2 * bins.records_squared
        variance = spread / bins.records**2 * bins.groups / (bins.groups - 1)
        error = np.where(bins.groups > 1, mean**2 - variance, 0.0)
    return np.asarray((bins.records * error).sum(axis=-1) / bins.records.sum(axis=-1))


def error_if_calibrated(confidence_N: FloatArray, num_bins: int = NUM_BINS) -> float:
    """The plain error that chance alone would give on so many independent records, were the model calibrated.

    Each bin's gap is then a mean of centred Bernoulli draws, whose mean absolute value is that of a normal
    one, sqrt(2 / pi) standard deviations.
    """
    bin_N = equal_mass_bins(confidence_N, num_bins)
    deviation_B = np.sqrt(np.bincount(bin_N, confidence_N * (1 - confidence_N)))
    return float(np.sqrt(2 / np.pi) * deviation_B.sum() / len(bin_N))
