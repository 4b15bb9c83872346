"""Curves as TensorBoard's event files."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from medadapt.training.trackers.tracker import Ending, Opening


class TensorBoardTracker:
    """Event files in `tensorboard/`; what an earlier session sent after the checkpoint is hidden."""

    run_id: str | None = None

    def __init__(self, opening: Opening) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and only wanted here

        folder = opening.folder / "tensorboard"
        _wait_for_a_later_name(folder)
        self._writer = SummaryWriter(log_dir=str(folder), purge_step=opening.after_step + 1)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self, _ending: Ending, /) -> None:
        self._writer.close()


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait, at most a second, until no event file bears the running second in its name.

    TensorBoard reads a folder's files in the order of their names, `events.out.tfevents.<second>.<host>.
    <process>.<counter>`, and compares them as text: of two sessions in one second the later may come
    first (counter 10 before counter 9), and the purge would then hide the wrong steps.
    """
    now = time.time()
    if any(folder.glob(f"events.out.tfevents.{int(now):010d}.*")):
        time.sleep(int(now) + 1 - now)
