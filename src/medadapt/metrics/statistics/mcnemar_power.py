"""How often McNemar's exact test shows a true difference between two models.

On how many records the models disagree is itself a matter of chance, so the power is that of the test on each number
of them, weighted with the number's probability: the unconditional power (exact: Duffy 1984; by the normal
distribution: Connor 1987; both compared with the conditional one: Lachenbruch 1992).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import stats

from medadapt.metrics.marking.marks import IntArray
from medadapt.metrics.statistics.p_below import NEXT_BELOW

SPREADS = 8
"""Standard deviations on either side, and as many records: what lies farther off adds less than 1e-12."""


def mcnemar_power(n: int, *, disagreement: float, difference: float, alpha: float) -> float:
    """The probability that `n` independent records show a true difference of 0/1 marks, in its own direction.

    The better model alone is right on a share of (disagreement + difference) / 2, the other one alone on
    (disagreement - difference) / 2. Shown is what has an exact two-sided p below alpha.

    >>> round(mcnemar_power(20, disagreement=1.0, difference=0.6, alpha=0.05), 4)  # 15 of 20, where 16 are expected
    0.8042
    """
    expected = n * disagreement
    reach = SPREADS * (math.sqrt(expected * (1 - disagreement)) + 1)
    low, high = max(0, math.floor(expected - reach)), min(n, math.ceil(expected + reach))
    discordant = np.arange(low, high + 1)
    wins = _fewest_wins(1 << high.bit_length(), alpha)[discordant]
    won = (1 + difference / disagreement) / 2
    shown = stats.binom.sf(wins - 1, discordant, won)
    return float(stats.binom.pmf(discordant, n, disagreement) @ shown)


@lru_cache(maxsize=8)
def _fewest_wins(most: int, alpha: float) -> IntArray:
    """(most + 1,) of 0, 1, ... discordant records, how many one model must win for a p below alpha.

    One more than there are where even all of them do not do.

    >>> _fewest_wins(8, 0.05).tolist()
    [1, 2, 3, 4, 5, 6, 6, 7, 8]
    """
    discordant = np.arange(most + 1)
    wins = stats.binom.isf(alpha / 2, discordant, 0.5).astype(np.int64) + 1
    too_few = 2 * stats.binom.sf(wins - 1, discordant, 0.5) >= alpha * NEXT_BELOW
    return wins + too_few
