"""Several rankings as one: reciprocal rank fusion (Cormack, Clarke and Buettcher, 2009)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

STEADINESS = 60
"""Of the paper: how little the first places weigh more than the next ones."""


def fused(rankings: Sequence[Sequence[int]], count: int) -> list[tuple[int, float]]:
    """(item, score), the best first. An item scores 1 / (60 + its rank) in each ranking that holds it.

    >>> [item for item, _ in fused([[1, 2, 3], [2, 3]], 2)]
    [2, 3]
    """
    scores: defaultdict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, item in enumerate(ranking, start=1):
            scores[item] += 1 / (STEADINESS + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:count]
