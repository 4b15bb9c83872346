"""The settings of an answer: always the likeliest token, or a draw. They mean what they mean in transformers."""

from __future__ import annotations

from dataclasses import dataclass

from medadapt.core.errors import MedAdaptError

LEAST_PENALTY, MOST_PENALTY = 0.1, 10.0
"""Beyond these the logits soon are no numbers in 32 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """The settings; None leaves a filter out."""

    temperature: float = 0.0
    """0 always takes the likeliest token; the higher, the more varied."""
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float = 1.0
    seed: int | None = None
    """The same seed draws the same answer again; None draws another one each time."""


def check_sampling(sampling: Sampling) -> None:
    """Raise MedAdaptError for values that make no sense, or that would change nothing."""
    check_values(sampling)
    drawn = {"--top-p": sampling.top_p, "--top-k": sampling.top_k, "--seed": sampling.seed}
    idle = [option for option, value in drawn.items() if value is not None]
    if sampling.temperature == 0 and idle:
        raise MedAdaptError(
            f"{' and '.join(idle)} would change nothing: at temperature 0 the likeliest token is always taken.",
            "a temperature above 0 beside it",
            "Add --temperature 0.7, or leave it out.",
        )


def check_values(sampling: Sampling) -> None:
    """Raise MedAdaptError for values that make no sense."""
    limits = (
        ("--temperature", 0 <= sampling.temperature < float("inf"), "0 or more"),
        ("--top-p", sampling.top_p is None or 0 < sampling.top_p <= 1, "above 0, up to 1"),
        ("--top-k", sampling.top_k is None or sampling.top_k >= 1, "1 or more"),
        (
            "--repetition-penalty",
            LEAST_PENALTY <= sampling.repetition_penalty <= MOST_PENALTY,
            f"{LEAST_PENALTY:g} to {MOST_PENALTY:g}; 1 changes nothing",
        ),
        ("--seed", sampling.seed is None or 0 <= sampling.seed < 2**63, "0 or more"),
    )
    for option, holds, expected in limits:
        if not holds:
            raise MedAdaptError(f"{option} has a value that cannot be used.", expected, "Correct the value.")
