"""Bins that hold equally many records, so that none is empty and none holds nearly all."""

from __future__ import annotations

import numpy as np

from medadapt.metrics.marking.marks import FloatArray, IntArray

NUM_BINS = 15


def equal_mass_bins(values: FloatArray, num_bins: int = NUM_BINS) -> IntArray:
    """(n,) number of each value's bin, from 0, rising with the value; at most `num_bins` and none empty.

    Without ties the sizes differ by one at most. Equal values share a bin, the one of the first of them, so
    the order of the records has no say.

    >>> equal_mass_bins(np.array([0.9, 0.5, 0.7, 0.7, 0.7, 0.95]), 3).tolist()
    [1, 0, 0, 0, 0, 1]
    """
    below_N = np.searchsorted(np.sort(values), values, side="left")
    _, bin_N = np.unique(below_N * num_bins // len(values), return_inverse=True)
    return np.asarray(bin_N, dtype=np.int64)
