"""Which layers of a base lie on which device, decided before it is loaded.

One device is the rule. Several GPUs are used where the base does not fit on one, main memory only where
`model.offload: cpu` allows it. Like all that decides how a run computes, this is a function of sizes and
total memories, never of what happens to be free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import infer_auto_device_map  # type: ignore[import-untyped]
from accelerate.utils import CustomDtype, compute_module_sizes, get_balanced_memory  # type: ignore[import-untyped]
from torch import nn

from medadapt.core.errors import ModelError
from medadapt.models.blank import blank_model
from medadapt.models.targets import inner_layers

WEIGHT_SHARE = 0.8
"""Of a GPU's memory that weights may take; the rest is for activations, the adapter and its optimiser."""
BYTES_PER_GIB = 1 << 30
MAKES_ROOM = (
    "Use model.quantization: nf4, model.offload: cpu, a smaller base, or --device auto where there are "
    "several GPUs."
)
"""What to do where a base's weights do not fit."""
Devices = dict[str, int | str | torch.device]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where the layers go."""

    device_map: Devices
    """Module name -> GPU number, device, or `cpu`."""
    offload: str
    """What came of `model.offload`, in words; `none` where nothing was asked."""

    @property
    def offloads(self) -> bool:
        """Whether some layers lie in main memory and visit a GPU to work."""
        return len(self.device_map) > 1 and "cpu" in self.device_map.values()


def place_base(
    config: Any,
    place: torch.device,
    *,
    any_device: bool,
    dtype: torch.dtype,
    quantization: str,
    offload: str,
    code: bool = False,
) -> Placement:
    """Decide where the layers of a base go.

    `config` is the base's transformers configuration and `place` the device that was picked; `any_device`
    says that the user left the choice open, so that further GPUs may be used. `dtype`, `quantization` and
    `offload` are as asked for. An architecture whose `code` comes with the model is not split.

    Raises ModelError where the weights fit nowhere, or the base is no causal language model.
    """
    if place.type != "cuda":
        what = "none: no GPU, all layers are in main memory" if offload == "cpu" else "none"
        return Placement(device_map={"": place}, offload=what)
    first = place.index or 0
    numbers = range(torch.cuda.device_count()) if any_device else [first]
    memories = {number: torch.cuda.get_device_properties(number).total_memory for number in numbers}
    if code:
        return Placement(device_map={"": place}, offload="none: the model's own code is not split")
    with torch.device("meta"):
        empty = blank_model(config, dtype=dtype)  # each weight as wide as it will be
    return plan_placement(
        empty, memories, first=first, dtype=dtype, quantization=quantization, offload=offload == "cpu"
    )


def plan_placement(
    model: nn.Module,
    memories: Mapping[int, int],
    *,
    first: int,
    dtype: torch.dtype,
    quantization: str,
    offload: bool,
) -> Placement:
    """The plan for a model on the meta device and GPUs with so many bytes each; `first` is preferred."""
    packed = packed_dtypes(model, quantization)
    needed = int(compute_module_sizes(model, dtype=dtype, special_dtypes=packed)[""])
    room = {number: int(memory * WEIGHT_SHARE) for number, memory in memories.items()}
    if needed <= room[first]:
        fits = "none: the base fits on the GPU" if offload else "none"
        return Placement(device_map={"": torch.device("cuda", first)}, offload=fits)
    if needed > sum(room.values()) and not offload:
        if needed <= sum(memories.values()) and len(memories) == 1:
            return Placement(
                device_map={"": torch.device("cuda", first)}, offload="none"
            )  # tight, but it may do
        raise _does_not_fit(needed, memories)
    whole = list(getattr(model, "_no_split_modules", None) or [])
    limits: dict[int | str, int] = get_balanced_memory(
        model, dict(room), no_split_module_classes=whole, dtype=dtype, special_dtypes=packed
    )
    limits = {number: limits[number] for number in room}  # without what else this machine may have
    if offload:
        limits["cpu"] = needed  # as much as it takes: main memory is checked by loading
    devices: Devices = infer_auto_device_map(
        model, limits, no_split_module_classes=whole, dtype=dtype, special_dtypes=packed
    )
    on_cpu = sum(place == "cpu" for place in devices.values())
    if "disk" in devices.values() or on_cpu == len(devices):
        raise _does_not_fit(needed, memories)
    return Placement(
        device_map=devices,
        offload=f"cpu: {on_cpu} of {len(devices)} parts in main memory" if on_cpu else "none",
    )


def packed_dtypes(model: nn.Module, quantization: str) -> dict[str, Any]:
    """Weight name -> the narrow format it will be packed into; empty without quantisation."""
    narrow = {"int8": torch.int8, "nf4": CustomDtype.INT4}.get(quantization)
    if narrow is None:
        return {}
    return {f"{name}.weight": narrow for name in inner_layers(model)}


def _does_not_fit(needed: int, memories: Mapping[int, int]) -> ModelError:
    there = ", ".join(f"{memory / BYTES_PER_GIB:.0f} GiB" for memory in memories.values())
    return ModelError(
        f"The base's weights take {needed / BYTES_PER_GIB:.1f} GiB and do not fit on the GPU ({there}).",
        "room for all weights",
        MAKES_ROOM,
    )
