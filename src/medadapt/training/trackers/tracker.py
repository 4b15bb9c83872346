"""What a tracker is, and what it is opened with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from medadapt.core.errors import ModelError

PROJECT = "medadapt"
"""The project or experiment under which a server lists the curves, unless the user names another."""


class Tracker(Protocol):
    """A place that curves are sent to."""

    run_id: str | None
    """By which a resumed training goes on in the same curve; None where the place needs none."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step."""

    def close(self) -> None:
        """Nothing more comes."""


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


def unusable(service: str, problem: Exception) -> ModelError:
    """The error for a service that refuses what is sent to it, in at most three lines of its own words."""
    what = " ".join((str(problem).strip() or type(problem).__name__).splitlines()[:3])
    return ModelError(
        f"{service} cannot be used ({what}).",
        "a server that answers, or none at all",
        "Check the network, your login and the tracker's environment variables, or remove it from training.tracking.",
    )
