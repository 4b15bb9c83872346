"""Progress on the terminal: a bar with the time left, or plain lines at intervals where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich import progress as bars

from medadapt.cli.console import plain, talk
from medadapt.core.progress import Progress
from medadapt.report.clean_text import one_line

SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_SPEED = 3600.0
"""How far back a bar looks for the time a step takes; a step may take minutes, and two are needed."""


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """Progress that suits where stderr goes; an error leaves no bar behind."""
    if not talk.is_terminal:
        yield LineProgress()
        return
    progress = BarProgress()
    try:
        yield progress
    finally:
        progress.stop()


class BarProgress:
    """Bars with the time left. Work may be nested: the piece begun last has its bar below the others."""

    def __init__(self) -> None:
        self._bars = bars.Progress(
            bars.SpinnerColumn(),
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=24),
            bars.MofNCompleteColumn(),
            bars.TimeRemainingColumn(compact=True),
            bars.TextColumn("{task.fields[figures]}", markup=False),
            console=talk,
            speed_estimate_period=SECONDS_OF_SPEED,
            transient=True,
        )
        self._begun: list[bars.TaskID] = []

    def start(self, task: str, total: int | None = None, *, done: int = 0) -> None:
        if not self._begun:
            self._bars.start()
        self._begun.append(self._bars.add_task(one_line(task), total=total, completed=done, figures=""))

    def advance(self, steps: int = 1, figures: str = "") -> None:
        if not self._begun:
            return
        self._bars.update(self._begun[-1], advance=steps)
        if figures:
            self._bars.update(self._begun[-1], figures=one_line(figures))

    def note(self, text: str) -> None:
        talk.print(plain(text))

    def finish(self) -> None:
        if self._begun:
            self._bars.remove_task(self._begun.pop())
        if not self._begun:
            self._bars.stop()

    def stop(self) -> None:
        """Take every bar off the terminal."""
        while self._begun:
            self.finish()


@dataclass(slots=True)
class _Piece:
    task: str
    total: int | None
    before: int
    """Steps that were taken before it began."""
    done: int
    begun: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)


class LineProgress:
    """A line when a piece of work begins to take long, and then every few seconds."""

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []

    def start(self, task: str, total: int | None = None, *, done: int = 0) -> None:
        self._pieces.append(_Piece(one_line(task), total, before=done, done=done))

    def advance(self, steps: int = 1, figures: str = "") -> None:
        if not self._pieces:
            return
        piece = self._pieces[-1]
        piece.done += steps
        if (now := time.monotonic()) - piece.told >= SECONDS_BETWEEN_LINES:
            piece.told = now
            talk.print(plain(_line(piece, now, one_line(figures))))

    def note(self, text: str) -> None:
        talk.print(plain(text))

    def finish(self) -> None:
        if self._pieces:
            self._pieces.pop()


def _line(piece: _Piece, now: float, figures: str) -> str:
    parts = [f"{piece.task} {piece.done:,}"]
    if piece.total and piece.done > piece.before:
        left = (now - piece.begun) / (piece.done - piece.before) * max(piece.total - piece.done, 0)
        parts = [f"{piece.task} {piece.done:,}/{piece.total:,}", f"{_duration(left)} left"]
    return ", ".join([*parts, *([figures] if figures else [])])


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
