"""Curves for people who watch: TensorBoard beside steps.jsonl, which holds every number anyway."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Tracker:
    """Sends scalars to the trackers of the recipe, or nowhere."""

    def __init__(self, writer: Any | None) -> None:
        self._writer = writer

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Report numbers of one step."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()


@contextmanager
def open_tracker(asked: Sequence[str], folder: Path, *, after_step: int) -> Iterator[Tracker]:
    """The trackers of a training that goes on after `after_step`; what an earlier session sent later is hidden."""
    if "tensorboard" not in asked:
        yield Tracker(None)
        return
    from torch.utils.tensorboard import SummaryWriter  # slow to import, and only wanted here

    writer = SummaryWriter(log_dir=str(folder), purge_step=after_step + 1)
    try:
        yield Tracker(writer)
    finally:
        writer.close()
