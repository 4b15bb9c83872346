"""This machine: packages, devices, room on the disk, the hub; what is in the way of the work, and what helps."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medadapt.core.shell_command import install
from medadapt.workflow.doctor.requirements import (
    PACKAGE,
    Unmet,
    extras_of,
    installed_version,
    requirements_of,
    unmet,
)
from medadapt.workflow.versions import versions

if TYPE_CHECKING:
    from medadapt.models.device_check import DeviceCheck

LITTLE_ROOM = 5 * 2**30
"""Bytes on a disk. A base of 1B parameters takes 2.5 GB, and a run keeps several checkpoints of its adapter."""
GPU_IN_README = "README.md, GPU, says which build to install"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Something that is not as it should be."""

    problem: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A place where much is written."""

    what: str
    folder: str
    free: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found on this machine."""

    system: str
    versions: dict[str, str]
    devices: tuple[DeviceCheck, ...]
    """The one that `--device auto` takes first; empty where torch cannot be loaded."""
    extras: dict[str, tuple[str, ...]]
    """Extra -> what pip would have to install for it."""
    rooms: tuple[Room, ...]
    offline: bool
    """Whether HF_HUB_OFFLINE keeps everything away from the network."""
    problems: tuple[Complaint, ...]
    """Each stops some work."""
    advice: tuple[Complaint, ...]
    """Each makes some work slower or impossible, which may be as it is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Devices:
    found: tuple[DeviceCheck, ...] = ()
    problems: tuple[Complaint, ...] = ()
    advice: tuple[Complaint, ...] = ()


def examine() -> Examination:
    """Look at everything. Raises nothing for what is missing or broken: that is what is told."""
    needed = requirements_of()
    missing = unmet(needed, installed_version)
    extras = {name: unmet(needed, installed_version, extra=name) for name in extras_of()}
    devices = _devices()
    rooms = tuple(_rooms())
    return Examination(
        system=f"{platform.system()} {platform.machine()}",
        versions=versions(),
        devices=devices.found,
        extras={name: tuple(one.wanted for one in lacking) for name, lacking in extras.items()},
        rooms=rooms,
        offline=_is_offline(),
        problems=(*_complaints_of_packages(needed, missing), *_too_old(extras), *devices.problems),
        advice=(*devices.advice, *_complaints_of_room(rooms)),
    )


def _is_offline() -> bool:
    with suppress(ImportError):  # that it is missing is told as for any package
        from huggingface_hub import constants

        return bool(constants.HF_HUB_OFFLINE)
    return False


def _complaints_of_packages(needed: Sequence[str], missing: Sequence[Unmet]) -> Iterator[Complaint]:
    if not needed:
        yield Complaint(
            problem=f"{PACKAGE} is used without being installed, so nobody knows what it needs.",
            remedy="`make setup` in its folder, or `pip install -e .`, installs it.",
        )
    for one in missing:
        yield Complaint(problem=str(one), remedy=f"pip install '{one.wanted}'")


def _too_old(extras: Mapping[str, Sequence[Unmet]]) -> Iterator[Complaint]:
    """Packages of an extra that are there, but too old for it: its commands would fail in ways of their own."""
    for name, lacking in extras.items():
        for one in lacking:
            if one.installed:
                yield Complaint(problem=f"{one} The extra {name} needs {one.wanted}.", remedy=install(name))


def _devices() -> _Devices:
    try:
        from medadapt.models.device_check import all_devices, check_device, missed_gpu
    except (ImportError, OSError) as problem:  # OSError: a library lacks a library of its own
        said = str(problem).strip().splitlines() or [type(problem).__name__]
        broken = Complaint(
            problem=f"torch or transformers cannot be loaded: {said[0]}.",
            remedy="Install them anew: `make setup`.",
        )
        return _Devices(problems=(broken,))
    found = [check_device(device) for device in all_devices()]
    return _Devices(
        found=tuple(found),
        problems=tuple(
            Complaint(problem=f"{one.device} computes nothing: {one.problem}.", remedy=_remedy_of(one))
            for one in found
            if one.problem
        ),
        advice=(*_missed(missed_gpu()), *_packed(found), *_threads(found[-1])),
    )


def _missed(gpu: str | None) -> Iterator[Complaint]:
    if gpu:
        yield Complaint(problem=gpu, remedy=f"{GPU_IN_README}; the driver may be too old for it.")


def _remedy_of(device: DeviceCheck) -> str:
    if device.facts.type == "cuda":
        return f"Driver or torch may be too old for this GPU: {GPU_IN_README}. Until then use --device cpu."
    return "Install torch anew: `make setup`."


def _packed(found: Sequence[DeviceCheck]) -> Iterator[Complaint]:
    for one in found:
        broken = {kind: why for kind, why in one.packed.items() if why and not one.problem}
        if broken:
            kinds, reasons = " and ".join(broken), "; ".join(dict.fromkeys(broken.values()))
            yield Complaint(
                problem=f"Bases in {kinds} cannot be used on {one.device}: {reasons}.",
                remedy="Use model.quantization: none there, or install bitsandbytes anew.",
            )


def _threads(processor: DeviceCheck) -> Iterator[Complaint]:
    from medadapt.models.device import usable_cores

    threads, cores = processor.facts.threads, usable_cores()
    if threads < cores // 2:  # two threads of a core count as two, and torch takes one of them
        yield Complaint(
            problem=f"torch computes with {threads} of {cores} threads of the processor.",
            remedy="Unset OMP_NUM_THREADS, or set it higher, if that is not meant.",
        )


def _rooms() -> Iterator[Room]:
    places = {"runs in this folder": Path.cwd()}
    with suppress(ImportError):
        from huggingface_hub.constants import HF_HUB_CACHE

        places["downloaded models and data"] = Path(HF_HUB_CACHE)
    for what, folder in places.items():
        there = next(place for place in (folder, *folder.parents) if place.is_dir())
        yield Room(what=what, folder=str(folder), free=shutil.disk_usage(there).free)


def _complaints_of_room(rooms: Sequence[Room]) -> Iterator[Complaint]:
    for room in rooms:
        if room.free < LITTLE_ROOM:
            yield Complaint(
                problem=f"There are {room.free / 2**30:.1f} GiB left for {room.what}: {room.folder}.",
                remedy="Make room, or work elsewhere: -o RUN, and HF_HOME for what is downloaded.",
            )
