"""Whether a trial has room: on the disk, and on the machine beside the others."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from medadapt.core.errors import DiskError, MedAdaptError
from medadapt.core.recipe import Recipe

COPIES_IN_CHECKPOINT = 4
"""The adapter, the best one so far, and two moments of the optimiser."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What each of the trials that run together gets."""

    device: str
    threads: int
    gpus: int


def share_of_machine(device: str, concurrent: int) -> Share:
    """Device, threads and GPUs of one trial. Raises MedAdaptError where the machine is too small."""
    import torch

    from medadapt.models.device import pick_device

    picked = pick_device(device)
    kind = picked.type if isinstance(picked, torch.device) else str(picked)
    threads = torch.get_num_threads()
    if kind == "cpu":
        _refuse_too_many(concurrent, os.cpu_count() or 1, "processor cores")
        return Share(device="cpu", threads=max(threads // concurrent, 1), gpus=0)
    if kind == "cuda" and ":" not in device:
        _refuse_too_many(concurrent, torch.cuda.device_count(), "GPUs")
        return Share(device="cuda", threads=threads, gpus=1)
    _refuse_too_many(concurrent, 1, f"device {device}")
    return Share(device=device, threads=threads, gpus=0)


def _refuse_too_many(concurrent: int, there: int, what: str) -> None:
    if concurrent > there:
        raise MedAdaptError(
            f"search.concurrent {concurrent} asks for more trials at a time than this machine has room for: "
            f"{there} {what}.",
            f"search.concurrent up to {there}",
            f"Set --set search.concurrent={there}, or leave it out to run one trial after the other.",
        )


def refuse_full_disk(folder: Path, recipe: Recipe, *, base: str) -> None:
    """Raise DiskError where the disk has no room for the adapter and the checkpoints of a trial."""
    needed, free = trial_bytes(recipe, base=base), shutil.disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"{folder} has no room for a trial: it needs about {needed // MEGABYTE + 1:,} MB, and "
            f"{free // MEGABYTE:,} MB are free.",
            "room for the adapter and its checkpoints",
            "Free some space, or set training.keep: 1; then repeat the command, it continues.",
        )


def trial_bytes(recipe: Recipe, *, base: str) -> int:
    """Most bytes that a trial keeps at a time: its adapter in fp32, and checkpoints with one more in making."""
    return adapter_bytes(recipe, base=base) * (1 + (recipe.training.keep + 1) * COPIES_IN_CHECKPOINT)


def adapter_bytes(recipe: Recipe, *, base: str) -> int:
    """Size of the adapter's weights in fp32, from the shapes of the base; 0 where its code is not ours."""
    import torch

    from medadapt.models.blank import blank_model
    from medadapt.models.loading import load_config
    from medadapt.models.quiet import quiet_libraries
    from medadapt.models.targets import resolve_targets

    if recipe.model.trust_remote_code:
        return 0
    revision = recipe.model.revision if base == recipe.model.base else None
    config = load_config(base, revision=revision, trust_remote_code=False)
    with torch.device("meta"), quiet_libraries():
        model = blank_model(config)
    names = set(resolve_targets(model, recipe.lora.targets))
    widths = [sum(module.weight.shape) for name, module in model.named_modules() if name in names]
    return 4 * recipe.lora.rank * sum(int(width) for width in widths)
