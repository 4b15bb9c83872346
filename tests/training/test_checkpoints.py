"""Checkpoints: nothing damaged is ever loaded."""

from __future__ import annotations

import errno
import json
import random
import shutil

import pytest
import torch

from medadapt.core.errors import DataError, DiskError
from medadapt.training import checkpoints
from medadapt.training.checkpoints import (
    Checkpoint,
    checkpoint_folders,
    load_checkpoint,
    newest_checkpoint,
    save_checkpoint,
)


def checkpoint(step: int) -> Checkpoint:
    tensors = {"a": torch.arange(40.0) + step}
    return Checkpoint(step=step, state={"identity": "x", "step": step}, adapter=tensors, optimizer=tensors)


def test_what_is_saved_is_what_is_loaded(tmp_path):
    loaded = load_checkpoint(save_checkpoint(tmp_path, checkpoint(3), keep=2))
    assert loaded.step == 3
    assert loaded.state == {"identity": "x", "step": 3}
    assert torch.equal(loaded.adapter["a"], checkpoint(3).adapter["a"])
    assert loaded.best == {}


def test_any_flipped_byte_or_cut_off_end_is_noticed(tmp_path):
    place = save_checkpoint(tmp_path / "whole", checkpoint(3), keep=2)
    draw = random.Random(0)
    for number in range(200):
        damaged = tmp_path / "damaged" / place.name
        shutil.rmtree(damaged, ignore_errors=True)
        shutil.copytree(place, damaged)
        file = draw.choice(sorted(damaged.iterdir()))
        content = bytearray(file.read_bytes())
        at = draw.randrange(len(content))
        if number % 3:
            content[at] ^= 1 << draw.randrange(8)
        else:
            content = content[:at]
        if (
            file.name == "manifest.json"
            and bytes(content).strip() == (place / file.name).read_bytes().strip()
        ):
            continue  # only the line break at the end was cut: the manifest says the same
        file.write_bytes(bytes(content))
        with pytest.raises(DataError):
            load_checkpoint(damaged)


@pytest.mark.parametrize("step", [None, "3", 3.0, True])
def test_a_manifest_without_a_whole_step_is_noticed(tmp_path, step):
    place = save_checkpoint(tmp_path, checkpoint(3), keep=2)
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(manifest | {"step": step}))
    with pytest.raises(DataError, match="manifest"):
        load_checkpoint(place)


def test_a_damaged_newest_one_is_named_and_the_one_before_is_used(tmp_path):
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step), keep=5)
    (tmp_path / "step-000002" / "adapter.safetensors").write_bytes(b"")
    notes: list[str] = []
    found = newest_checkpoint(tmp_path, note=notes.append)
    assert found is not None
    assert found.step == 1
    assert "step-000002/adapter.safetensors" in notes[0]
    assert notes[0].endswith("Trying the one before it.")


def test_the_newest_are_kept_by_number_and_later_ones_do_not_outlive_an_earlier_save(tmp_path):
    for step in (999_998, 999_999, 1_000_000):
        save_checkpoint(tmp_path, checkpoint(step), keep=2)
    assert [place.name for place in checkpoint_folders(tmp_path)] == ["step-999999", "step-1000000"]
    save_checkpoint(tmp_path, checkpoint(5), keep=1)
    assert [place.name for place in checkpoint_folders(tmp_path)] == ["step-000005"]


def test_no_half_written_folder_is_left_or_taken_for_a_checkpoint(tmp_path):
    (tmp_path / ".step-000004.123.part").mkdir(parents=True)
    assert newest_checkpoint(tmp_path, note=[].append) is None
    save_checkpoint(tmp_path, checkpoint(4), keep=1)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000004"]


def test_an_error_while_one_is_written_leaves_nothing_in_its_place(tmp_path, monkeypatch):
    save_checkpoint(tmp_path, checkpoint(1), keep=2)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "sync_file", full)
    with pytest.raises(DiskError):
        save_checkpoint(tmp_path, checkpoint(2), keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000001"]
