"""search.json: what was tried, how each trial ended, and which one won. It is the state of the search."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medadapt.core.errors import DataError, RunFolderError
from medadapt.core.files import read_json, write_json

SCHEMA = 1
METRIC = "validation_loss"
TrialStatus = Literal["done", "stopped", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One setting that was tried to its end."""

    id: str
    values: dict[str, Any]
    """Recipe key -> value."""
    status: TrialStatus
    """`stopped` by the scheduler, `failed` with an error."""
    steps: int
    best_step: int | None
    validation_loss: float | None
    """The lowest of the curve, in nats for each answer token."""
    seconds: float
    curve: tuple[tuple[int, float], ...]
    """(step, validation loss) of each evaluation."""
    error: str | None = None
    error_kind: str | None = None
    """Name of the error's type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchState:
    """How a search stands. A trial that was interrupted is not among `trials`; it goes on in its folder."""

    vary: dict[str, Any]
    scheduler: str
    seed: int
    smoke: bool
    inputs: dict[str, str]
    """All that a trial's result depends on besides its values -> its hash."""
    trials: tuple[Trial, ...] = ()
    winner: str | None = None
    measured_before: tuple[str, ...] = ()
    """Other winners of earlier sessions that were measured on test, too."""
    reloaded: dict[str, float] | None = None
    """The winner's adapter loaded alone: `validation_loss`, and its `difference` from the trial's figure."""
    repeats: bool = False
    """Whether a combination of values may be drawn twice, as it was before repeats were left out."""
    seconds: float = 0.0
    """Time spent on trials, over all sessions."""
    asked: dict[str, Any] = field(default_factory=dict)
    """`trials` and `concurrent` of the last session."""

    def with_trial(self, trial: Trial) -> SearchState:
        """The same search with a trial added, or put in the place of its earlier entry."""
        others = [other for other in self.trials if other.id != trial.id]
        return dataclasses.replace(self, trials=tuple(sorted([*others, trial], key=lambda one: one.id)))


def choose_winner(trials: tuple[Trial, ...]) -> Trial | None:
    """The trial with the lowest validation loss; of equal ones the first. None where all failed."""
    judged = [trial for trial in trials if trial.status != "failed" and trial.validation_loss is not None]
    return min(judged, key=lambda trial: (trial.validation_loss, trial.id), default=None)


def write_search(path: Path, state: SearchState) -> None:
    """Write search.json, whole or not at all."""
    values = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    write_json(path, {"schema": SCHEMA, "metric": METRIC, **values})


def read_search(path: Path) -> SearchState | None:
    """The state in search.json; None where there is none. Raises RunFolderError on a damaged one."""
    if not path.is_file():
        return None
    try:
        return _parse(read_json(path))
    except (DataError, KeyError, TypeError) as problem:
        raise RunFolderError(
            f"{path} is damaged or of another version ({type(problem).__name__}: {problem}).",
            f"a search.json of schema {SCHEMA}",
            "Choose another folder with -o, or move the folder of the search away.",
        ) from problem


def _parse(values: Mapping[str, Any]) -> SearchState:
    if values["schema"] != SCHEMA:
        raise KeyError(f"schema {values['schema']}")
    names = {field.name for field in dataclasses.fields(SearchState)}
    trials = tuple(
        Trial(**{**trial, "curve": tuple((step, loss) for step, loss in trial["curve"])})
        for trial in values["trials"]
    )
    read = {name: values[name] for name in names if name in values}
    measured = tuple(values.get("measured_before", ()))  # earlier versions did not write them down
    return SearchState(**{"repeats": True, **read, "trials": trials, "measured_before": measured})
