"""What TensorBoard holds in the end, read back with its own reader."""

from __future__ import annotations

from pathlib import Path

import pytest


def tensorboard_losses(folder: Path) -> dict[int, float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    return {event.step: event.value for event in events.Scalars("loss")}


def test_tensorboard_hides_what_came_after_the_checkpoint(tmp_path, send):
    send(["tensorboard"], tmp_path / "run", 1, 4)
    send(["tensorboard"], tmp_path / "run", 3, 5)
    assert tensorboard_losses(tmp_path / "run") == pytest.approx({s: 10 / s for s in range(1, 6)})


def test_a_session_within_the_same_second_is_read_after_the_one_before(tmp_path, send, monkeypatch):
    from tensorboard.summary.writer import event_file_writer

    # Writers are counted in the file's name, and names are read as text: 10 comes before 9.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(9))
    send(["tensorboard"], tmp_path / "run", 1, 4)
    send(["tensorboard"], tmp_path / "run", 3, 5)
    assert tensorboard_losses(tmp_path / "run") == pytest.approx({s: 10 / s for s in range(1, 6)})
