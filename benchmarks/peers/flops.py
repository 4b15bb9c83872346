"""The arithmetic that a training step needs, whoever does it: the 4N convention of LoRA."""

from __future__ import annotations


def needed_flops(*, tokens: int, supervised: int, frozen: int, head: int, adapter: int) -> int:
    """Floating-point operations that the gradient of an adapter needs.

    A frozen weight is multiplied once forward and once backward, towards its input: 4 operations a token. The
    head is only needed where something is predicted. A weight of the adapter has a gradient of its own: 6
    operations a token. Padding, recomputed activations, attention, norms and the optimiser are not counted.

    Args:
        tokens: real tokens read.
        supervised: tokens that are learned.
        frozen: weights of the frozen linear layers that every token passes, without the head.
        head: weights of the output head, vocabulary times width.
        adapter: weights of the adapter.

    >>> needed_flops(tokens=10, supervised=2, frozen=100, head=50, adapter=5)
    4700
    """
    return 4 * frozen * tokens + 4 * head * supervised + 6 * adapter * tokens
