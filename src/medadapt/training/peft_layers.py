"""PEFT's own LoRA layers in place of ours, for trainers that know only those."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.models.loading import quiet_libraries
from medadapt.models.lora import lora_layers


def with_peft_layers(model: nn.Module, folder: Path) -> Any:
    """The model as a PeftModel, with PEFT's fresh LoRA layers in place of ours.

    `folder` holds the adapter_config.json of this adapter.
    """
    for name, layer in list(lora_layers(model)):
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, layer.base)
    config = LoraConfig.from_pretrained(str(folder))
    config.inference_mode = False
    with quiet_libraries():
        return get_peft_model(model, config)


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
