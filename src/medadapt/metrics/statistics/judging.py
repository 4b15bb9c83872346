"""All metrics of two models at once: the primary one is judged alone, the others together."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.core.results import Difference
from medadapt.metrics.statistics.holm import adjust
from medadapt.metrics.statistics.paired import Pair, difference


def differences(names: Sequence[str], pair: Pair) -> dict[str, Difference]:
    """The difference in each metric, in their order; all but the primary one are adjusted for their number."""
    return judged({name: difference(name, pair) for name in names}, pair)


def judged(found: dict[str, Difference], pair: Pair) -> dict[str, Difference]:
    """Differences of one pair with Holm's adjustment of all but the primary metric."""
    secondary = {name: change for name, change in found.items() if name != pair.primary}
    return found | adjust(secondary, alpha=pair.alpha)
