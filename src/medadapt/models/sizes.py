"""Sizes that repeat: numbers of rows and tokens rounded up, so that few different shapes are computed.

A CPU's matrix library writes and compiles machine code for every shape that it has not seen, which takes
several times as long as the product itself (benchmarks/roof.py measures it). Batches of text hardly ever have
the same number of tokens twice, so without rounding most of a training step would be spent there.
"""

from __future__ import annotations


def rounded_up(size: int, *, least: int = 8) -> int:
    """The smallest allowed size that is not below `size`: multiples of `least`, at most sixteen to a doubling.

    >>> [rounded_up(size) for size in (1, 8, 9, 36, 100, 282, 1000)]
    [8, 8, 16, 40, 104, 288, 1024]
    """
    step = max(least, 1 << max((size - 1).bit_length() - 4, 0))
    return -(-size // step) * step
