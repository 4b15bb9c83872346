"""Which tokens are learned: the answer's, and never the prompt's."""

from __future__ import annotations

from dataclasses import dataclass

IGNORED = -100
"""Label of a token that is read but not learned; the value every PyTorch loss skips by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of a token set."""

    id: str
    input_ids: list[int]
    labels: list[int]
    """As long as `input_ids`, not shifted: the token itself inside the answer, else `IGNORED`."""
    prompt: str
    completion: str
    answer_cut: bool
    """The answer did not fit; it is learned without its end and without the closing token."""
    prompt_cut: bool

    @property
    def num_supervised(self) -> int:
        """How many tokens are learned."""
        return sum(label != IGNORED for label in self.labels)


def mask(prompt: list[int], completion: list[int], max_length: int) -> tuple[list[int], list[int], bool]:
    """Tokens, labels and whether the answer was cut.

    >>> mask([5, 6], [7, 8, 2], 8)
    ([5, 6, 7, 8, 2], [-100, -100, 7, 8, 2], False)
    >>> mask([5, 6], [7, 8, 2], 4)
    ([5, 6, 7, 8], [-100, -100, 7, 8], True)
    """
    fitting = completion[: max(max_length - len(prompt), 0)]
    return [*prompt, *fitting], [IGNORED] * len(prompt) + fitting, len(fitting) < len(completion)
