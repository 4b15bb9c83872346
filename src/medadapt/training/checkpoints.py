"""Checkpoints: complete or not there, checked by hash when they are loaded, and without pickle.

A checkpoint is a folder `step-000012` with the adapter, the best adapter so far, the optimiser's moments
(safetensors), the state (JSON), and a manifest of sha256 sums that is written last. The folder is filled
under another name, flushed to the disk and renamed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor

from medadapt.core.errors import DataError
from medadapt.core.files import disk_faults, read_json, sync_file, sync_folder, write_json
from medadapt.core.hashes import sha256_file

MANIFEST = "manifest.json"
STATE = "state.json"
SCHEMA = 1
TENSOR_FILES = ("adapter", "best", "optimizer")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything needed to go on as if nothing had happened."""

    step: int
    state: dict[str, Any]
    """Plain values."""
    adapter: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    best: Mapping[str, Tensor] = field(default_factory=dict)
    """The adapter with the lowest validation loss so far; empty before the first evaluation."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, keep: int) -> Path:
    """Write a checkpoint into `folder` and remove all but the newest `keep`. Returns its path."""
    place = folder / f"step-{checkpoint.step:06d}"
    beside = folder / f".{place.name}.{os.getpid()}.part"
    with _removed_on_error(beside), disk_faults(place):
        folder.mkdir(parents=True, exist_ok=True)
        for left_over in folder.glob(".step-*.part"):
            shutil.rmtree(left_over, ignore_errors=True)
        beside.mkdir()
        for name in TENSOR_FILES:
            tensors = {key: t.detach().cpu().contiguous() for key, t in getattr(checkpoint, name).items()}
            save_file(tensors, beside / f"{name}.safetensors")
            sync_file(beside / f"{name}.safetensors")
        write_json(beside / STATE, checkpoint.state)
        sums = {path.name: sha256_file(path) for path in sorted(beside.iterdir())}
        write_json(beside / MANIFEST, {"schema": SCHEMA, "step": checkpoint.step, "sha256": sums})
        sync_folder(beside)
        if place.exists():  # damaged, or of an abandoned attempt: out of the way first, deleted afterwards
            place.rename(folder / f".{place.name}.old.part")
        beside.rename(place)
        sync_folder(folder)
        for other in _superfluous(folder, checkpoint.step, keep):
            shutil.rmtree(other)
    return place


@contextmanager
def _removed_on_error(folder: Path) -> Iterator[None]:
    """Inside, an error takes the half-written folder away: on a full disk its room is what is needed."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def newest_checkpoint(folder: Path, *, note: Callable[[str], None]) -> Checkpoint | None:
    """The newest valid checkpoint, or None where there is none.

    A damaged one is named through `note` and the one before it is tried.
    """
    places = checkpoint_folders(folder)
    for place in reversed(places):
        try:
            return load_checkpoint(place)
        except DataError as problem:
            is_last = place == places[0]
            then = "No checkpoint is whole: training begins anew." if is_last else "Trying the one before it."
            note(f"{problem.problem} {then}")
    return None


def load_checkpoint(place: Path) -> Checkpoint:
    """A checkpoint whose every file matches its manifest. Raises DataError that names a file which does not."""
    if not (place / MANIFEST).is_file():
        raise _damaged(place / MANIFEST)
    manifest = read_json(place / MANIFEST)
    names = {STATE, *(f"{name}.safetensors" for name in TENSOR_FILES)}
    sums = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(sums, dict) or set(sums) != names or manifest.get("schema") != SCHEMA:
        raise _damaged(place / MANIFEST)
    for name, expected in sums.items():
        if not (place / name).is_file() or sha256_file(place / name) != expected:
            raise _damaged(place / name)
    if not isinstance(manifest.get("step"), int) or place.name != f"step-{manifest['step']:06d}":
        raise _damaged(place / MANIFEST)
    tensors = {name: load_file(place / f"{name}.safetensors") for name in TENSOR_FILES}
    return Checkpoint(step=manifest["step"], state=read_json(place / STATE), **tensors)


def checkpoint_folders(folder: Path) -> list[Path]:
    """Checkpoint folders, oldest first."""
    return sorted((path for path in folder.glob("step-*") if path.name[5:].isdigit()), key=_step_of)


def _step_of(place: Path) -> int:
    return int(place.name.removeprefix("step-"))


def _superfluous(folder: Path, step: int, keep: int) -> list[Path]:
    """Older checkpoints than the newest `keep`, and all of later steps: those were damaged and gone back over."""
    places = checkpoint_folders(folder)
    earlier = [place for place in places if _step_of(place) <= step]
    return [*earlier[:-keep], *places[len(earlier) :], *folder.glob(".step-*.part")]


def _damaged(path: Path) -> DataError:
    return DataError(
        f"The checkpoint file {path} is damaged or missing.",
        "the file as it was written",
        "Delete its folder to go on from an earlier checkpoint.",
    )
