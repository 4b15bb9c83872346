"""Ctrl-C and termination requests: finish the step and save where that is possible, else stop at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from medadapt.core.progress import Progress

HANDLED = (signal.SIGINT, signal.SIGTERM)


class Interruption(BaseException):
    """A signal ends the work here. No library that catches `Exception` can swallow it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number


class Stopping:
    """Whether a signal has come, and what it may do.

    Outside of `gently` a signal ends the work on the spot: files appear whole or not at all, so nothing is
    left half written. Inside, the first signal only raises a flag that the work asks for between its steps,
    and the second one ends it on the spot.
    """

    def __init__(self, progress: Progress) -> None:
        self.signal_number: int | None = None
        self._progress = progress
        self._gentle = False
        self._told = False

    def requested(self) -> bool:
        """Asked by the work between two steps: is it time to save and leave?"""
        if self.signal_number is None:
            return False
        if not self._told:
            self._told = True  # told here and not in the handler, which may interrupt a print
            self._progress.note("Stopping: saving a checkpoint first; a second signal stops at once.")
        return True

    @contextmanager
    def gently(self) -> Iterator[None]:
        """Inside, a first signal waits until the work asks `requested`."""
        self._gentle = True
        try:
            yield
        finally:
            self._gentle = False
        if self.signal_number is not None:  # it came after the last question
            raise Interruption(self.signal_number)

    def receive(self, signal_number: int, _frame: FrameType | None = None) -> None:
        """The signal handler."""
        first = self.signal_number is None
        self.signal_number = signal_number
        if not (self._gentle and first):
            raise Interruption(signal_number)


@contextmanager
def stop_signals(progress: Progress) -> Iterator[Stopping]:
    """Listen for Ctrl-C and SIGTERM; the handlers that stood before come back at the end."""
    stopping = Stopping(progress)
    if threading.current_thread() is not threading.main_thread():
        yield stopping  # Python delivers signals to the main thread only
        return
    before = {number: signal.signal(number, stopping.receive) for number in HANDLED}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
