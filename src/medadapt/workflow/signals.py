"""Ctrl-C and termination requests: finish the step and save where that is possible, else stop at once."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from medadapt.core.progress import Progress

HANDLED = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""SIGHUP comes when a terminal is closed or a connection is lost."""
SAME_PRESS = 1.0
"""Seconds within which a second signal is taken for the first: a key that was pressed twice in a hurry."""


class Interruption(BaseException):
    """A signal ends the work here. No library that catches `Exception` can swallow it."""

    def __init__(self, signal_number: int, *, at_once: bool = False) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number
        self.at_once = at_once
        """Whether it came while work waited to be saved, which it then was not."""


class Stopping:
    """Whether a signal has come, and what it may do.

    Outside of `gently` a signal ends the work on the spot: files appear whole or not at all, so nothing is
    left half written. Inside, the first signal only raises a flag that the work asks for between its steps,
    and the second one ends it on the spot.
    """

    def __init__(self, progress: Progress) -> None:
        self.signal_number: int | None = None
        self.at_once = False
        self._first_at = 0.0
        self._progress = progress
        self._gentle = False
        self._told = False

    def requested(self) -> bool:
        """Asked by the work between two steps: is it time to save and leave?"""
        if self.signal_number is None:
            return False
        if not self._told and self.signal_number != getattr(
            signal, "SIGHUP", None
        ):  # nobody is there to read
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
        now, first = time.monotonic(), self.signal_number is None
        if self._gentle and not first and now - self._first_at < SAME_PRESS:
            return
        self.signal_number = signal_number
        if self._gentle and first:
            self._first_at = now
            return
        self.at_once = self._gentle
        raise Interruption(signal_number, at_once=self.at_once)


@contextmanager
def stop_signals(progress: Progress) -> Iterator[Stopping]:
    """Listen for Ctrl-C, SIGTERM and SIGHUP; the handlers that stood before come back at the end."""
    stopping = Stopping(progress)
    if threading.current_thread() is not threading.main_thread():
        yield stopping  # Python delivers signals to the main thread only
        return
    # A signal that is ignored, as SIGHUP under nohup, stays ignored.
    heard = [number for number in HANDLED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stopping.receive) for number in heard}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
