"""Whether a p lies below alpha."""

from __future__ import annotations

NEXT_BELOW = 1 - 1e-12
"""A p above this share of alpha equals alpha, but for rounding."""


def is_below(p: float, alpha: float) -> bool:
    """Whether p is below alpha.

    One that equals it, as 2 / 2^5 does 0.0625, is not, whatever rounding makes of its last digit.
    """
    return p < alpha * NEXT_BELOW
