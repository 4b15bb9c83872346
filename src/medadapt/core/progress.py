"""How long work tells how far it is. The command line shows it; everything else only reports."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Something that shows steps of one piece of work after another."""

    def start(self, task: str, total: int | None = None, *, done: int = 0) -> None:
        """A new piece of work begins; `total` is the number of steps, where it is known.

        `done` of them were taken before, so that they say nothing of how long a step takes.
        """

    def advance(self, steps: int = 1, figures: str = "") -> None:
        """So many steps are done; `figures` is a short text such as `loss 1.23, 310 tokens/s`."""

    def note(self, text: str) -> None:
        """A line worth reading that is not progress."""

    def finish(self) -> None:
        """The piece of work begun last is done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, task: str, total: int | None = None, *, done: int = 0) -> None: ...

    def advance(self, steps: int = 1, figures: str = "") -> None: ...

    def note(self, text: str) -> None: ...

    def finish(self) -> None: ...
