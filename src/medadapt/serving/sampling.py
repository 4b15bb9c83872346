"""The settings of an answer: always the likeliest token, or a draw. They mean what they mean in transformers."""

from __future__ import annotations

from collections.abc import Callable
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingWords:
    """What the settings are called where they are given, for messages."""

    name: Callable[[str], str]
    """From a setting's name here."""
    give_temperature: str


COMMAND = SettingWords(
    name=lambda setting: f"--{setting.replace('_', '-')}", give_temperature="Add --temperature 0.7"
)


def check_sampling(sampling: Sampling, *, words: SettingWords = COMMAND) -> None:
    """Raise MedAdaptError for values that make no sense, or that would change nothing."""
    check_values(sampling, words=words)
    drawn = {"top_p": sampling.top_p, "top_k": sampling.top_k, "seed": sampling.seed}
    idle = [words.name(setting) for setting, value in drawn.items() if value is not None]
    if sampling.temperature == 0 and idle:
        raise MedAdaptError(
            f"{' and '.join(idle)} would change nothing: at temperature 0 the likeliest token is always taken.",
            "a temperature above 0 beside it",
            f"{words.give_temperature}, or leave it out.",
        )


def check_values(sampling: Sampling, *, words: SettingWords = COMMAND) -> None:
    """Raise MedAdaptError for values that make no sense."""
    limits = (
        ("temperature", 0 <= sampling.temperature < float("inf"), "0 or more"),
        ("top_p", sampling.top_p is None or 0 < sampling.top_p <= 1, "above 0, up to 1"),
        ("top_k", sampling.top_k is None or sampling.top_k >= 1, "1 or more"),
        (
            "repetition_penalty",
            LEAST_PENALTY <= sampling.repetition_penalty <= MOST_PENALTY,
            f"{LEAST_PENALTY:g} to {MOST_PENALTY:g}; 1 changes nothing",
        ),
        ("seed", sampling.seed is None or 0 <= sampling.seed < 2**63, "0 or more"),
    )
    for setting, holds, expected in limits:
        if not holds:
            problem = f"{words.name(setting)} has a value that cannot be used."
            raise MedAdaptError(problem, expected, "Correct the value.")
