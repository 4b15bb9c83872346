"""What a tracker is, and what it is opened with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from medadapt.core.errors import ModelError

PROJECT = "medadapt"
"""The project or experiment under which a server lists the curves, unless the user names another."""

Ending = Literal["finished", "stopped", "failed"]
"""How the training ended that a tracker followed."""


class Tracker(Protocol):
    """A place that curves are sent to."""

    run_id: str | None
    """By which a resumed training goes on in the same curve; None where the place needs none."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step."""

    def close(self, ending: Ending, /) -> None:
        """Nothing more comes. A service that does not answer now is noted: the training has ended without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a tracker is opened with."""

    folder: Path
    """The adapter's folder."""
    name: str
    parameters: Mapping[str, Any]
    """Settings of the recipe as flat plain values."""
    known_id: str | None
    """Of the run that an earlier session began; None to begin a new one."""
    after_step: int
    note: Callable[[str], None]
    """Tells what went wrong and ends nothing."""


def unusable(service: str, problem: Exception) -> ModelError:
    """The error for a service that refuses what is sent to it, in at most three lines of its own words."""
    return ModelError(
        f"{service} cannot be used ({_in_its_words(problem)}).",
        "a server that answers, or none at all",
        "Check the network, your login and the tracker's environment variables, or remove it from training.tracking.",
    )


def untold(service: str, problem: Exception) -> str:
    """The note for a service that could not be told how the training ended."""
    return (
        f"{service} could not be told that the training has ended ({_in_its_words(problem)}); "
        "what it shows of this training may be incomplete."
    )


def _in_its_words(problem: Exception) -> str:
    return " ".join((str(problem).strip() or type(problem).__name__).splitlines()[:3])
