"""The most memory that a process has held, told by itself."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


def own_peak_mb() -> int:
    """Peak resident memory of this process in MB since its program began.

    What `getrusage` tells is no use where there is something better: on Linux it outlives `exec`, so a process begins
    with the peak of the one that started it.
    """
    if STATUS.is_file():
        peak = next(
            line for line in STATUS.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:")
        )
        return round(int(peak.split()[1]) / 2**10)
    return round(
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    )
