"""Which device works, and which number format it is fast at."""

from __future__ import annotations

import math
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal

import torch

from medadapt.core.errors import ModelError

Precision = Literal["bf16", "fp16", "fp32"]
DTYPES: dict[Precision, torch.dtype] = {
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "fp32": torch.float32,
}
OUT_OF_MEMORY = (
    "out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory",
    "cublas_status_alloc_failed", "cudnn_status_alloc_failed",
)  # fmt: skip
PRECISION_OF: dict[torch.dtype, str] = {dtype: name for name, dtype in DTYPES.items()} | {
    torch.float64: "fp64"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """What stands in run.json about the device."""

    type: str
    name: str
    total_memory: int
    """Bytes."""
    threads: int
    """Threads of a CPU computation; resuming is bit-exact only with the same number."""
    fast_bf16: bool


def pick_device(asked: str) -> torch.device:
    """The device named by `--device`. Raises ModelError if it is not there."""
    if asked == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, _, number = asked.partition(":")
    there = {
        "cpu": not number,
        "cuda": torch.cuda.is_available()
        and (not number or (number.isdigit() and int(number) < torch.cuda.device_count())),
        "mps": torch.backends.mps.is_available() and not number,
    }
    if kind not in there:
        raise ModelError(
            f"--device {asked} is no device.", "auto, cpu, cuda, cuda:N or mps", "Use --device auto."
        )
    if not there[kind]:
        raise ModelError(
            f"--device {asked} is not there on this machine.",
            "a device that torch finds"
            + (f" ({torch.cuda.device_count()} CUDA devices)" if kind == "cuda" else ""),
            "Use --device auto, or install a torch build for your accelerator (see README).",
        )
    return torch.device(asked)


def device_facts(device: torch.device) -> DeviceFacts:
    """Name, memory and abilities of a device."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        name, memory = properties.name, properties.total_memory
    else:
        name, memory = processor_name(), _main_memory()
    return DeviceFacts(
        type=device.type,
        name=name,
        total_memory=memory,
        threads=torch.get_num_threads(),
        fast_bf16=computes_bf16_fast(device),
    )


def computes_bf16_fast(device: torch.device) -> bool:
    """Whether bf16 is the quick format here: Ampere and newer, or a CPU with AMX or AVX512-BF16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        # Private names, but the only way torch tells; absent on other processors and platforms.
        probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(bool(getattr(torch.cpu, probe, lambda: False)()) for probe in probes)
    return False


def resolve_dtype(asked: str, device: torch.device) -> torch.dtype:
    """The number format of the frozen weights. Raises ModelError where the device cannot work in it."""
    if asked == "auto":
        if computes_bf16_fast(device):
            return torch.bfloat16
        return torch.float32 if device.type == "cpu" else torch.float16
    if asked == "fp16" and device.type == "cpu":
        raise ModelError(
            "model.precision fp16 cannot be used on a CPU: it is hundreds of times slower and overflows.",
            "bf16 or fp32 on a CPU",
            "Use model.precision: auto.",
        )
    return DTYPES[asked]  # type: ignore[index]


def usable_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor_name() -> str:
    """What the processor calls itself, or its kind where it has no name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        return platform.processor() or platform.machine()
    return platform.processor() or platform.machine()


def is_out_of_memory(problem: BaseException) -> bool:
    """Whether an exception says that memory has run out, on any device."""
    if isinstance(problem, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(problem).lower()
    return isinstance(problem, RuntimeError) and any(phrase in text for phrase in OUT_OF_MEMORY)


def _main_memory() -> int:
    """Bytes this process may use: the machine's, or less where a container or a batch system sets a limit."""
    return int(min(_machine_memory(), _control_group_limit()))


def _control_group_limit(
    process: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> float:
    """Bytes that the control groups of this process allow; infinite where there is no group, or no limit.

    The file `process` has a line `number:kinds:place` for each hierarchy, whose tightest group counts. In version 2
    there is one, number 0, below `root`; in version 1 the memory has one of its own.
    """
    try:
        lines = process.read_text(encoding="utf-8").splitlines()
    except OSError:
        return math.inf  # another system
    limit = math.inf
    for number, kinds, place in (line.split(":", 2) for line in lines):
        if number != "0" and "memory" not in kinds.split(","):
            continue
        top, name = (root, "memory.max") if number == "0" else (root / "memory", "memory.limit_in_bytes")
        # Inside of a container `place` may be as the host sees it: then the container's own group is the top.
        for group in accumulate(place.strip("/").split("/"), Path.__truediv__, initial=top):
            with suppress(OSError):
                text = (group / name).read_text(encoding="utf-8").strip()
                limit = min(limit, int(text)) if text.isdigit() else limit
    return limit


def _machine_memory() -> int:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return 8 << 30  # Windows tells only through further libraries; a small laptop is the safe guess
