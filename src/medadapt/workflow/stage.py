"""A stage as data: what it reads, the folder it fills, and the function that does the work.

The table of all six stands in `stages.py`; `running.py` takes any table, so the order, the skipping and the
resuming are the same for every stage and are tested with small ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medadapt.core.progress import Progress
from medadapt.core.recipe import Recipe
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.request import RunRequest
from medadapt.workflow.signals import Stopping

Facts = dict[str, Any]
"""What a stage found out on the way and `run.json` keeps: device, precision, trainable parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a stage is handed besides the recipe."""

    run: RunFolder
    device: str
    """As asked: `auto`, `cpu`, `cuda`, `cuda:1` or `mps`."""
    smoke: bool
    progress: Progress
    stopping: Stopping
    keep: Callable[[Facts], None]
    """Puts facts into `run.json` at once, so that they are there when the stage is stopped later."""
    make_room: Callable[[], None] = lambda: None
    """Deletes what the result replaces and writes down that the stage runs; called by a stage that `reads_first`."""
    on_evaluation: Callable[[int, float], None] | None = None
    """Hears of each validation loss while training: the step and the loss."""
    should_stop: Callable[[], bool] | None = None
    """Asked after each training step, besides `stopping`."""
    concurrent: int = 1
    """Runs that share the device's memory, this one included."""

    def is_stopping(self) -> bool:
        """Whether it is time to save and leave."""
        return self.stopping.requested() or (self.should_stop is not None and self.should_stop())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One piece of the path of the data."""

    name: str
    """The verb; also the command that runs the stage alone."""
    folder: str
    """The folder it fills, for example `1-records`."""
    outputs: tuple[str, ...]
    """Patterns of its main files in that folder. They make the output hash; each must match something."""
    reads: tuple[str, ...]
    """Recipe keys that its result depends on: a section (`data`), one value (`model.base`), or `*`."""
    run: Callable[[Recipe, Work], None]
    sources: Callable[[Recipe], dict[str, str]] | None = None
    """Name -> hash of what it reads from outside of the run folder."""
    checks: tuple[Callable[[RunRequest], None], ...] = ()
    """What must hold on this machine for it to succeed; asked before the first stage of a call begins."""
    costly: tuple[str, ...] = ()
    """Patterns of files from which it goes on when it was stopped. They are never thrown away unasked."""
    reads_first: bool = False
    """It calls `Work.make_room` itself, once all that may be wrong with its inputs has been seen: a stage that cannot
    read what it needs then leaves the results of an earlier call, and their record, as they were."""
    keeps: tuple[str, ...] = ()
    """What other commands put into its folder and guard themselves; it outlives what the stage made."""
    carries: Mapping[str, str] = field(default_factory=dict)
    """What other commands put there and measured on what the stage made -> the command that makes it again."""
    exchangeable: bool = False
    """Its files may be exchanged on purpose; a stage that was made from the old ones then has to run first."""
    sealed: bool = False
    """Its files are never exchanged on purpose: no later stage takes them where they are not as it left them."""
    version: str = "2"
    """Raised when it starts to compute something else from the same inputs. The package's version would not do,
    nor one for all stages: a small release, or another figure in the metrics, must not retrain every adapter."""

    def path(self, run: RunFolder) -> Path:
        """Where its folder lies in a run."""
        return run.path / self.folder

    def holds_costly_work(self, run: RunFolder) -> bool:
        """Whether its folder has files that a resumed run goes on from."""
        return any(next(self.path(run).glob(pattern), None) for pattern in self.costly)
