"""Holm's correction: what a small p is worth when many differences are looked at together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from medadapt.core.results import Difference
from medadapt.metrics.statistics.p_below import is_below


def holm(p_values: Sequence[float]) -> list[float]:
    """Each p, adjusted so that all below alpha may be claimed together (Holm, Scand. J. Statistics 1979).

    If none of the differences is real, the chance of any claim at all stays below alpha, however the metrics
    depend on each other. The smallest of m values is multiplied by m, the next by m - 1 and so on, never
    below the one before it and never above 1.

    >>> holm([0.01, 0.2, 0.02])
    [0.03, 0.2, 0.04]
    """
    adjusted = [1.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, p_values[index] * (len(p_values) - place))
        adjusted[index] = min(1.0, largest)
    return adjusted


def adjust(found: Mapping[str, Difference], *, alpha: float) -> dict[str, Difference]:
    """The same differences, judged together: each with `p_adjusted` and the verdict that this p allows.

    A difference without p was not tested and does not count. The p of random swaps is at least
    1 / (bootstrap_samples + 1), so that with 100 of them and ten metrics nothing can be claimed.
    """
    tested = {name: change.p for name, change in found.items() if change.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True))
    return {name: _with_p(change, adjusted.get(name), alpha) for name, change in found.items()}


def _with_p(change: Difference, p_adjusted: float | None, alpha: float) -> Difference:
    if p_adjusted is None:
        return change
    # The adjusted p is never below the one the verdict came from: a claim can only be taken back.
    verdict = change.verdict if is_below(p_adjusted, alpha) else "not shown"
    return replace(change, p_adjusted=p_adjusted, verdict=verdict)
