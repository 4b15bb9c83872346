"""What a command asks for, once the recipe and the run folder are found."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import MedAdaptError
from medadapt.core.recipe import Recipe
from medadapt.core.shell_command import command

DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """Which stages of which recipe, in which folder, and how."""

    recipe: Recipe
    folder: Path
    first: str | None = None
    """Start with this stage; None starts with the first."""
    last: str | None = None
    """End with this stage; None goes to the end."""
    smoke: bool = False
    replace: bool = False
    """Give up what the folder holds from the first changed stage on, or from `first` on where it is given."""
    keep_fresh: bool = False
    """With `replace`, skip what is up to date also where it is the `first` stage."""
    keep_older: bool = False
    """Count as up to date what an earlier version of MedAdapt made and training in the folder was done on, also in runs
    that lie inside: a search and repeated seeds cannot begin behind it, as `--from` does."""
    gate: bool = False
    """Let forgotten general text fail the run, too."""
    device: str = "auto"
    resume_with: str | None = None
    """The shell command that goes on, where it is not `medadapt run`: a trial goes on with its search."""
    on_evaluation: Callable[[int, float], None] | None = None
    """Hears of each validation loss while training: the step and the loss. A search listens."""
    should_stop: Callable[[], bool] | None = None
    """Asked after each training step, besides signals: is it time to save and leave?"""
    concurrent: int = 1
    """Runs that share the memory of this run's device at the same time, this one included."""

    @property
    def resume_command(self) -> str:
        """The shell command that goes on with this run."""
        if self.resume_with is not None:
            return self.resume_with
        device = ["--device", self.device] if self.device != "auto" else []
        return command("run", self.folder, *device, *(["--gate"] if self.gate else []))


def check_device(device: str) -> str:
    """The device as it was asked for. Raises MedAdaptError where it is none."""
    if not DEVICE.fullmatch(device):
        raise MedAdaptError(
            f"--device {device} is not known.",
            "auto, cpu, cuda, cuda:N or mps",
            "Leave it out to choose by itself.",
        )
    return device
