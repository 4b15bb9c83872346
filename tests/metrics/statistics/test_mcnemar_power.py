"""The power of McNemar's exact test, by every outcome there is and by closed forms."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from medadapt.metrics.statistics.mcnemar_power import mcnemar_power
from medadapt.metrics.statistics.paired import sign_flip_p


def enumerated(n: int, disagreement: float, difference: float, alpha: float) -> float:
    """The probability of all (won, lost) that the p of the verdict calls a difference in the right direction."""
    win, loss = (disagreement + difference) / 2, (disagreement - difference) / 2
    return sum(
        comb(n, won) * comb(n - won, lost)
        * win**won * loss**lost * (1 - disagreement) ** (n - won - lost)
        for won in range(n + 1)
        for lost in range(min(won, n - won + 1))
        if sign_flip_p(np.repeat([1.0, -1.0], [won, lost])) < alpha
    )  # fmt: skip


@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.01])
@pytest.mark.parametrize(
    ("n", "disagreement", "difference"),
    [(6, 1.0, 1.0), (7, 0.9, 0.5), (12, 0.4, 0.4), (12, 0.6, 0.1), (25, 0.2, 0.15), (30, 0.7, 0.3)],
)
def test_it_is_the_probability_of_all_outcomes_that_are_shown(n, disagreement, difference, alpha):
    found = mcnemar_power(n, disagreement=disagreement, difference=difference, alpha=alpha)
    assert found == pytest.approx(enumerated(n, disagreement, difference, alpha), abs=1e-12)


def test_where_all_disagree_it_is_that_of_the_sign_test():
    """With 20 pairs it takes 15 wins at alpha 0.05, as tables of the sign test have it."""
    wanted = sum(comb(20, wins) * 0.8**wins * 0.2 ** (20 - wins) for wins in range(15, 21))
    assert mcnemar_power(20, disagreement=1.0, difference=0.6, alpha=0.05) == pytest.approx(wanted, abs=1e-12)
    assert wanted == pytest.approx(0.8042, abs=5e-5)


@pytest.mark.parametrize("share", [0.01, 0.06, 0.3])
def test_where_one_model_loses_nothing_it_takes_six_records_that_it_wins(share):
    wanted = stats.binom.sf(5, 100, share)
    assert mcnemar_power(100, disagreement=share, difference=share, alpha=0.05) == pytest.approx(
        wanted, abs=1e-12
    )


def test_a_p_that_equals_alpha_shows_nothing():
    assert 2 / 2**4 == 0.125
    assert mcnemar_power(4, disagreement=1.0, difference=1.0, alpha=0.125) == 0
    assert mcnemar_power(5, disagreement=1.0, difference=1.0, alpha=0.125) == 1


def test_numbers_of_discordant_records_that_never_come_are_left_out_without_a_trace():
    """Over all of them, of which only some hundred are computed."""
    n, disagreement, difference = 20_000, 0.01, 0.002
    number = np.arange(n + 1)
    wins = stats.binom.isf(0.025, number, 0.5) + 1
    shown = stats.binom.sf(wins - 1, number, (1 + difference / disagreement) / 2)
    wanted = stats.binom.pmf(number, n, disagreement) @ shown
    found = mcnemar_power(n, disagreement=disagreement, difference=difference, alpha=0.05)
    assert found == pytest.approx(wanted, abs=1e-11)
