"""Folding an adapter into the weights of its base, so that the result needs no PEFT to run."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.models.linear import is_plain, is_quantized, is_transposed
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import DoraLinear, LoraLinear, effective_weight, lora_layers, replace_layer

KEPT_APART = "Use the adapter beside its base, as `medadapt ask`, `medadapt serve` and `export --to vllm` do."


def merge_adapter(base: LoadedBase) -> None:
    """Add every LoRA layer's update to the weight under it and put the plain layer back, in place.

    The sum is taken in the adapter's number format (fp32) and rounded once, to the base's. Raises ModelError
    where the base carries no adapter, is quantised, lies partly in main memory, rounds its weights when it computes,
    or uses an adapted layer's weight in another layer, too.
    """
    layers = dict(lora_layers(base.model))
    if not layers:
        raise ModelError(
            f"{base.name} carries no adapter to merge.",
            "a base with its adapter on it",
            "Load the adapter first.",
        )
    if packed := next((layer for layer in layers.values() if is_quantized(layer.base)), None):
        raise ModelError(
            f"The adapter cannot be merged into quantised weights ({type(packed.base).__name__}): rounding the "
            "sum back to few bits would lose most of what was learned.",
            "a base loaded without quantisation",
            "Load the base with model.quantization: none and merge then.",
        )
    if odd := next((layer for layer in layers.values() if not is_plain(layer.base)), None):
        raise ModelError(
            f"The adapter cannot be merged into layers that change their weights when they compute "
            f"({type(odd.base).__name__}): they would round the sum to few bits, too.",
            "layers that multiply with their weights as they stand",
            KEPT_APART,
        )
    if shared := _with_shared_weights(base.model):
        raise ModelError(
            f"The adapter cannot be merged into {shared[0]}: another layer has the same weights, and would be changed "
            "with it.",
            "adapted layers with weights of their own",
            KEPT_APART,
        )
    if any(layer.base.weight.device.type == "meta" for layer in layers.values()):
        raise ModelError(
            "The adapter cannot be merged while layers of the base are offloaded.",
            "all layers on one device",
            "Load the base with model.offload: none, for example with --device cpu, and merge then.",
        )
    for name, layer in layers.items():
        replace_layer(base.model, name, _merged(layer))


def merge_where_exact(base: LoadedBase) -> bool:
    """Merge the adapter where that changes nothing but rounding in fp32; whether it was merged.

    Not in 16 bits, where the sum loses small updates and another model would be measured than the adapter makes
    (docs/decisions/0022), nor in weights that are quantised, offloaded, rounded when they are used, or shared by
    layers. The base's own weights are gone afterwards.
    """
    layers = [layer for _, layer in lora_layers(base.model)]
    exact = all(_holds_sums(layer.base) for layer in layers) and not _with_shared_weights(base.model)
    if layers and exact:
        merge_adapter(base)
    return bool(layers) and exact


def _holds_sums(layer: nn.Module) -> bool:
    weight: Tensor = layer.weight  # type: ignore[assignment]
    wide = weight.dtype in (torch.float32, torch.float64)
    return wide and is_plain(layer) and weight.device.type != "meta"


def _with_shared_weights(model: nn.Module) -> list[str]:
    """Names of the LoRA layers whose base weight some other layer has, too."""
    uses = Counter(id(weight) for module in model.modules() for weight in module._parameters.values())
    return [name for name, layer in lora_layers(model) if uses[id(layer.base.weight)] > 1]


@torch.no_grad()
def _merged(layer: LoraLinear) -> nn.Module:
    weight = effective_weight(layer)
    if isinstance(layer, DoraLinear):
        weight *= (layer.magnitude / layer.lengths())[:, None]
    kept: Tensor = layer.base.weight  # type: ignore[assignment]
    kept.copy_(weight.T if is_transposed(layer.base) else weight)
    return layer.base
