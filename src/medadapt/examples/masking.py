"""Which tokens are learned: those of answers, and never those of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

IGNORED = -100
"""Label of a token that is read but not learned; the value every PyTorch loss skips by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of a token set."""

    id: str
    input_ids: list[int]
    labels: list[int]
    """As long as `input_ids`, not shifted: the token itself inside an answer, else `IGNORED`."""
    prompt: str
    completion: str
    answer_cut: bool
    """The answer did not fit; it is learned without its end and without the closing token."""
    prompt_cut: bool
    exchanges_trained: int = 0
    """Answers that are learned: earlier ones, and the record's own unless nothing of it fits."""
    exchanges_left_out: int = 0
    """Earlier exchanges that did not fit."""
    exchanges_not_trained: int = 0
    """Earlier answers that are only read, because the chat template changes them."""

    @property
    def num_supervised(self) -> int:
        """How many tokens are learned."""
        return sum(label != IGNORED for label in self.labels)

    @property
    def num_answer(self) -> int:
        """How many tokens the answer behind the prompt has."""
        return sum(1 for _ in takewhile(lambda label: label != IGNORED, reversed(self.labels)))


def mask(
    prompt: list[int], completion: list[int], max_length: int, answered: Sequence[tuple[int, int]] = ()
) -> tuple[list[int], list[int], bool]:
    """Tokens, labels and whether the answer was cut.

    `answered` are the places of earlier answers in the prompt, as (first, after the last); they are learned
    as well. The prompt must not end with one.

    >>> mask([5, 6], [7, 8, 2], 8)
    ([5, 6, 7, 8, 2], [-100, -100, 7, 8, 2], False)
    >>> mask([5, 6], [7, 8, 2], 4)
    ([5, 6, 7, 8], [-100, -100, 7, 8], True)
    >>> mask([5, 7, 2, 6], [7, 8, 2], 8, [(1, 3)])
    ([5, 7, 2, 6, 7, 8, 2], [-100, 7, 2, -100, 7, 8, 2], False)
    """
    fitting = completion[: max(max_length - len(prompt), 0)]
    labels = [IGNORED] * len(prompt) + fitting
    for start, end in answered:
        labels[start:end] = prompt[start:end]
    return [*prompt, *fitting], labels, len(fitting) < len(completion)


def segments(labels: Sequence[int]) -> list[tuple[int, int, bool]]:
    """Runs of tokens that are read or learned, in order, as (first, after the last, learned).

    >>> segments([-100, 7, 2, -100, 8])
    [(0, 1, False), (1, 3, True), (3, 4, False), (4, 5, True)]
    """
    borders = [i for i in range(1, len(labels)) if (labels[i] == IGNORED) != (labels[i - 1] == IGNORED)]
    starts = [0, *borders] if labels else []
    return [
        (start, end, labels[start] != IGNORED)
        for start, end in zip(starts, [*borders, len(labels)], strict=False)
    ]
