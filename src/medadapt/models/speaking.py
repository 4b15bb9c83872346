"""A base with its adapter, for a while as the base alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from medadapt.core.results import ModelName
from medadapt.models.lora import lora_layers, replace_layer


@contextmanager
def speaking_as(model: nn.Module, name: ModelName) -> Iterator[None]:
    """The model as `baseline` (its adapter set aside) or as `tuned`, and afterwards as it was."""
    layers = list(lora_layers(model)) if name == "baseline" else []
    for place, layer in layers:
        replace_layer(model, place, layer.base)
    try:
        yield
    finally:
        for place, layer in layers:
            replace_layer(model, place, layer)
