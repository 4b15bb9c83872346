"""How long work tells how far it is. The command line shows it; everything else only reports."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Something that shows steps of one piece of work after another."""

    def start(self, task: str, total: int | None = None) -> None:
        """A new piece of work begins; `total` is the number of steps, where it is known."""

    def advance(self, steps: int = 1, figures: str = "") -> None:
        """So many steps are done; `figures` is a short text such as `loss 1.23, 310 tokens/s`."""

    def note(self, text: str) -> None:
        """A line worth reading that is not progress."""

    def finish(self) -> None:
        """The piece of work begun last is done."""


class Silent:
    """Progress that nobody watches."""

    def start(self, task: str, total: int | None = None) -> None: ...

    def advance(self, steps: int = 1, figures: str = "") -> None: ...

    def note(self, text: str) -> None: ...

    def finish(self) -> None: ...
