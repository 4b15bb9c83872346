"""Curves as TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Mapping

from medadapt.training.trackers.tracker import Opening


class TensorBoardTracker:
    """Event files in `tensorboard/`; what an earlier session sent after the checkpoint is hidden."""

    run_id: str | None = None

    def __init__(self, opening: Opening) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import, and only wanted here

        self._writer = SummaryWriter(
            log_dir=str(opening.folder / "tensorboard"), purge_step=opening.after_step + 1
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()
