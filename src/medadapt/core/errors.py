"""Errors that a user can mend: what happened, what was expected, what to do.

Any other exception is a bug and keeps its traceback. The arguments are handed to `Exception` by
position, so that an error survives pickling between processes. To add one, subclass `MedAdaptError`
and set `exit_code`; the command line prints the three lines and leaves with that code.
"""

from __future__ import annotations

from typing import ClassVar


class MedAdaptError(Exception):
    """What happened, what was expected, and what to do about it."""

    exit_code: ClassVar[int] = 2

    def __init__(self, problem: str, expected: str = "", remedy: str = "") -> None:
        super().__init__(problem, expected, remedy)
        self.problem, self.expected, self.remedy = problem, expected, remedy

    def __str__(self) -> str:
        lines = [self.problem]
        if self.expected:
            lines.append(f"Expected: {self.expected}")
        if self.remedy:
            lines.append(f"Remedy: {self.remedy}")
        return "\n".join(lines)


def first_line(problem: BaseException) -> str:
    """The first line of a library's error, ready to stand in a sentence; its kind where it says nothing."""
    text = str(problem).strip()
    return text.splitlines()[0].rstrip(" :.") if text else type(problem).__name__


class RecipeError(MedAdaptError):
    """The recipe cannot be used as it stands."""


class DataError(MedAdaptError):
    """The data named by the recipe cannot be read or used."""


class ModelError(MedAdaptError):
    """The base model, its tokenizer or an adapter cannot be loaded or does not fit."""


class RunFolderError(MedAdaptError):
    """The run folder holds something else than this command needs."""


class DivergedError(MedAdaptError):
    """Training produced a non-finite loss, or a model worse than uniform guessing."""

    exit_code = 4


class RunBusyError(MedAdaptError):
    """Another process works in this run folder."""

    exit_code = 5


class DiskError(MedAdaptError):
    """The disk is full or cannot be written."""

    exit_code = 6


class StoppedError(MedAdaptError):
    """A signal ended the work. What was done is saved; after a second signal, up to the last checkpoint."""

    def __init__(self, problem: str, expected: str = "", remedy: str = "", signal_number: int = 2) -> None:
        super().__init__(problem, expected, remedy)
        self.args = (problem, expected, remedy, signal_number)
        self.signal_number = signal_number

    @property
    def signal_exit_code(self) -> int:
        """128 + the signal's number: 129 for a closed terminal, 130 for Ctrl-C, 143 for a termination request."""
        return 128 + self.signal_number
