"""Linear layers of any kind: their widths, their device, and their weight as a plain matrix.

A base holds its matrices as `nn.Linear`, as transformers' `Conv1D` (GPT-2, the other way round), or packed
by bitsandbytes in 8 or 4 bits; with offloading they lie in main memory and only visit the GPU.
"""

from __future__ import annotations

from typing import Any

import torch
from accelerate.utils import align_module_device  # type: ignore[import-untyped]
from torch import Tensor, nn

OWN_FORWARD = {"AutoBitLinear", "FalconLinear", "Linear4bit", "Linear8bitLt"}
"""Kinds of `nn.Linear` that compute in their own way and still return one tensor of the layer's width."""
PLAIN_FORWARD = {"FalconLinear"}
"""Those of them that multiply with the weight as it stands, as `nn.Linear` does."""


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer that can carry an adapter (quantised ones included)."""
    if not isinstance(module, nn.Linear):
        return is_transposed(module)
    # The routers of some mixtures are built on nn.Linear, but return several tensors.
    computes = _computes(module)
    return computes is nn.Linear or computes.__name__ in OWN_FORWARD


def is_plain(module: nn.Module) -> bool:
    """Whether a linear layer multiplies its input with its weight as it stands, neither packed nor rounded."""
    if not isinstance(module, nn.Linear):
        return is_transposed(module)
    computes = _computes(module)
    return computes is nn.Linear or computes.__name__ in PLAIN_FORWARD


def _computes(module: nn.Module) -> type:
    """The class whose `forward` a module uses."""
    return next(kind for kind in type(module).__mro__ if "forward" in vars(kind))


def is_transposed(module: nn.Module) -> bool:
    """Whether the layer keeps its weight as (in, out)."""
    return getattr(module, "source_cls", type(module)).__name__ == "Conv1D"


def is_quantized(module: nn.Module) -> bool:
    """Whether bitsandbytes has packed the layer's weight."""
    return type(module).__name__ in {"Linear4bit", "Linear8bitLt"}


def linear_shape(module: nn.Module) -> tuple[int, int]:
    """(in, out) widths of a linear layer of any kind."""
    if hasattr(module, "in_features"):
        return int(module.in_features), int(module.out_features)  # type: ignore[arg-type]
    weight: Any = module.weight
    width_in, width_out = weight.shape
    return int(width_in), int(width_out)


def working_device(module: nn.Module) -> torch.device:
    """Where a layer computes. With offloading that is not where its weight lies between two uses."""
    hook = getattr(module, "_hf_hook", None)
    place = getattr(hook, "execution_device", None)
    if place is None:
        return next(module.parameters()).device
    return torch.device("cuda", place) if isinstance(place, int) else torch.device(place)


def dense_weight(module: nn.Module) -> Tensor:
    """The weight as an (out, in) matrix on the layer's working device, unpacked where it is quantised.

    Where nothing had to be unpacked or moved it is the weight itself: do not change it in place.
    """
    with align_module_device(module):
        weight: Any = module.weight
        kind = type(module).__name__
        if kind == "Linear4bit":
            from bitsandbytes.functional import dequantize_4bit

            return dequantize_4bit(weight.data, weight.quant_state)
        if kind == "Linear8bitLt":
            # The row scales move from the weight to the layer's state at the first forward pass.
            state: Any = module.state
            scales = state.SCB if state.SCB is not None else weight.SCB
            return weight.data.float() * (scales.float() / 127)[:, None]  # LLM.int8(): absmax over 127
        return weight.data.T if is_transposed(module) else weight.data


def dense_bias(module: nn.Module) -> Tensor | None:
    """The layer's bias on its working device, if it has one."""
    with align_module_device(module):
        bias = getattr(module, "bias", None)
        return None if bias is None else bias.detach()
