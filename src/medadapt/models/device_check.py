"""Whether the devices that torch finds really compute, and which packed weights they can work with."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import nn

from medadapt.models.device import PRECISION_OF, DeviceFacts, device_facts, resolve_dtype
from medadapt.models.quantization import guard_cpu_quantization

SIZE = 64
"""Rows and columns of the matrices that are multiplied; bitsandbytes packs blocks of 64 weights."""
TOLERANCE = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""Largest difference from the product in fp64, as a share of its largest entry."""
Packed = Literal["int8", "nf4"]
LARGEST_ERROR = {"int8": 0.05, "nf4": 0.3}
"""Of a product with weights that were drawn from a normal distribution and packed, by norm; 8 bits lose about 1 %, 4
about 10 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCheck:
    """A device, and what was tried on it."""

    device: str
    """As `--device` takes it."""
    facts: DeviceFacts
    precision: str
    """The number format that `model.precision: auto` takes."""
    packed: dict[str, str | None]
    """For `model.quantization` int8 and nf4: None where it works, or why it does not."""
    problem: str | None
    """Why it cannot multiply two matrices; None where it can."""


def all_devices() -> list[torch.device]:
    """Every device that `--device` can name here, the one that auto takes first."""
    number_of_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [torch.device("cuda", number) for number in range(number_of_gpus)]
    if torch.backends.mps.is_available():
        found.append(torch.device("mps"))
    return [*found, torch.device("cpu")]


def check_device(device: torch.device) -> DeviceCheck:
    """Multiply small matrices on a device, plain and packed."""
    dtype = resolve_dtype("auto", device)
    problem = _fault_of(partial(_plain_error, device, dtype), TOLERANCE[dtype])
    packed: dict[str, str | None] = dict.fromkeys(get_args(Packed), problem)
    if problem is None:
        packed = {
            kind: _fault_of(partial(_packed_error, device, dtype, kind), LARGEST_ERROR[kind])
            for kind in get_args(Packed)
        }
    return DeviceCheck(
        device=str(device),
        facts=device_facts(device),
        precision=PRECISION_OF[dtype],
        packed=packed,
        problem=problem,
    )


def gpu_that_torch_misses(*, built_for: str | None, has_gpu: bool, driver: str | None) -> str | None:
    """Why a graphics card with a driver is not used; None where there is none, or torch uses it.

    `built_for` is the CUDA version of the torch build, None of a build for the CPU; `driver` is the path of the
    driver's own program.
    """
    if has_gpu or driver is None:
        return None
    if built_for is None:
        return "There is a driver for an NVIDIA GPU, but this torch was built for the CPU alone."
    return f"There is a driver for an NVIDIA GPU, but torch, built for CUDA {built_for}, finds none."


def missed_gpu() -> str | None:
    """The same of this machine. The GPUs of an Apple computer are found by torch without a driver."""
    return gpu_that_torch_misses(
        built_for=torch.version.cuda or torch.version.hip,
        has_gpu=torch.cuda.is_available(),
        driver=None if platform.system() == "Darwin" else shutil.which("nvidia-smi"),
    )


def _fault_of(error: Callable[[], float], largest: float) -> str | None:
    """Why something does not work: what it raised, or that its result is wrong by more than `largest`."""
    try:
        found = error()
    except Exception as problem:  # a device or a library that does not work fails in ways of its own
        said = str(problem).strip().splitlines()
        return said[0] if said else type(problem).__name__
    return None if found <= largest else f"a product is wrong by {found:.2g} of its size"


def _plain_error(device: torch.device, dtype: torch.dtype) -> float:
    """How far a product is from the one in fp64, as a share of its largest entry."""
    one, other = _matrices()
    found = (one.to(device, dtype) @ other.to(device, dtype)).cpu().double()
    right = one.double() @ other.double()
    return float((found - right).abs().max() / right.abs().max())


def _packed_error(device: torch.device, dtype: torch.dtype, kind: Packed) -> float:
    """How far the product with packed weights is from the plain one, by norm."""
    import bitsandbytes as bnb

    inputs, weight = _matrices()
    sizes = {"input_features": SIZE, "output_features": SIZE, "bias": False}
    layer: nn.Module
    if kind == "nf4":
        layer = bnb.nn.Linear4bit(**sizes, compute_dtype=dtype, quant_type="nf4", compress_statistics=True)
        layer.weight = bnb.nn.Params4bit(
            weight.to(dtype), requires_grad=False, quant_type="nf4", compress_statistics=True
        )
    else:
        layer = bnb.nn.Linear8bitLt(**sizes, has_fp16_weights=False)
        layer.weight = bnb.nn.Int8Params(weight.to(dtype), requires_grad=False, has_fp16_weights=False)
    guard_cpu_quantization(layer)
    layer = layer.to(device)
    with torch.no_grad():
        found = layer(inputs.to(device, dtype)).cpu().double()
    right = inputs.double() @ weight.double().T
    return float((found - right).norm() / right.norm())


def _matrices() -> tuple[torch.Tensor, torch.Tensor]:
    """Two matrices of normally distributed numbers, always the same ones."""
    numbers = torch.Generator().manual_seed(0)
    return torch.randn(SIZE, SIZE, generator=numbers), torch.randn(SIZE, SIZE, generator=numbers)
