"""PEFT's own LoRA layers in place of ours, for trainers that know only those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.models.lora import LoraLinear, lora_layers, put_adapter_tensors, replace_layer
from medadapt.models.quiet import quiet_libraries


def with_peft_layers(model: nn.Module, folder: Path) -> Any:
    """The model as a PeftModel, with PEFT's fresh LoRA layers in place of ours.

    `folder` holds the adapter_config.json of this adapter.
    """
    for name, layer in list(lora_layers(model)):
        replace_layer(model, name, layer.base)
    config = LoraConfig.from_pretrained(str(folder))
    config.inference_mode = False
    with quiet_libraries():
        return get_peft_model(model, config)


@contextmanager
def with_our_layers(
    model: nn.Module, layers: Mapping[str, LoraLinear], values: Mapping[str, Tensor]
) -> Iterator[None]:
    """Our layers, with these values, back in place of PEFT's for a while.

    A saved adapter is loaded into our layers. PEFT's compute the update in fp32, ours in the base's format, so
    in 16 bits they give slightly other figures. `layers` is full name -> our layer; `values` are the adapter's
    tensors by their names on disk.
    """
    theirs = {name: model.get_submodule(name) for name in layers}
    for name, layer in layers.items():
        replace_layer(model, name, layer)
    try:
        put_adapter_tensors(model, dict(values))
        yield
    finally:
        for name, module in theirs.items():
            replace_layer(model, name, module)


def put_values(wrapped: Any, values: dict[str, Tensor]) -> None:
    """Put an adapter into a PeftModel, by its names on disk and in fp32.

    Raises ModelError where PEFT adapts other layers than we do.
    """
    own = {name.replace(".default", ""): p for name, p in wrapped.named_parameters() if p.requires_grad}
    own = {name.removesuffix(".weight") if "magnitude" in name else name: p for name, p in own.items()}
    if set(own) != set(values):
        raise ModelError(
            f"PEFT puts its layers elsewhere: {sorted(set(own) ^ set(values))[0]}.",
            "the same adapted layers in MedAdapt and in PEFT",
            "Use training.backend: native for this base.",
        )
    for name, parameter in own.items():
        parameter.data = values[name].to(parameter.device, torch.float32).clone()
