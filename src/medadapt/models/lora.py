"""LoRA layers: a frozen linear layer plus a trained low-rank update.

The mathematics, the initial values and the names on disk are PEFT's (Hu et al. 2021, "LoRA: Low-Rank
Adaptation of Large Language Models"), so the adapter loads with `PeftModel.from_pretrained`. The layer is
our own because the trained weights stay in fp32 while the computation runs in the base's number format,
without autocast, and because dropout must be reproducible from (seed, step, micro-batch).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.core.errors import ModelError
from medadapt.core.hashes import sha256_text
from medadapt.models.dropout import silenced


class LoraLinear(nn.Module):
    """y = base(x) + alpha / rank * B A dropout(x), with A (rank, in) and B (out, rank) trained."""

    def __init__(
        self, base: nn.Module, *, rank: int, scale: float, dropout: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        width_in, width_out = linear_shape(base)
        device = next(base.parameters()).device
        self.base = base
        self.scale = scale
        self.dropout = dropout
        self.place = 0
        """Number of this layer in the model; makes its dropout mask its own."""
        self.mask_seed = 0
        """Set before every micro-batch in training."""
        self.lora_A = nn.Parameter(torch.zeros(rank, width_in, dtype=dtype, device=device))
        self.lora_B = nn.Parameter(torch.zeros(width_out, rank, dtype=dtype, device=device))

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out), in the number format of `x`."""
        y = self.base(x)
        seen, scale = x, self.scale
        if self.training and self.dropout:
            seen = x.masked_fill(silenced(x.shape, self.dropout, self.mask_seed + self.place, x.device), 0)
            scale = self.scale / (1 - self.dropout)  # what is left is scaled up, here where it costs nothing
        low = functional.linear(seen, self.lora_A.to(x.dtype))
        return torch.add(y, functional.linear(low, self.lora_B.to(x.dtype)).to(y.dtype), alpha=scale)


def linear_shape(module: nn.Module) -> tuple[int, int]:
    """(in, out) widths of a linear layer of any kind."""
    if hasattr(module, "in_features"):
        return int(module.in_features), int(module.out_features)  # type: ignore[arg-type]
    weight: Any = module.weight  # transformers' Conv1D, which keeps it the other way round
    width_in, width_out = weight.shape
    return int(width_in), int(width_out)


def is_linear(module: nn.Module) -> bool:
    """Whether a module is a linear layer that can carry an adapter (quantised ones included)."""
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"


def attach_lora(
    model: nn.Module,
    names: list[str],
    *,
    rank: int,
    alpha: float,
    dropout: float,
    seed: int,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Put a LoRA layer around every module whose full name is in `names`; the rest stays frozen.

    A is drawn as PEFT draws it (Kaiming uniform), from `seed` and the module's name, so the same on every
    device; B is zero, so the adapted model equals its base.
    """
    model.requires_grad_(False)
    for place, name in enumerate(names):
        parent = model.get_submodule(name.rpartition(".")[0])
        leaf = name.rpartition(".")[2]
        layer = LoraLinear(getattr(parent, leaf), rank=rank, scale=alpha / rank, dropout=dropout, dtype=dtype)
        layer.place = place
        generator = torch.Generator().manual_seed(int(sha256_text(f"{seed} {name}")[:15], 16))
        first = torch.empty(layer.lora_A.shape, dtype=torch.float32)
        bound = math.sqrt(6 / ((1 + 5) * first.shape[1]))  # kaiming_uniform_ with a = sqrt(5)
        first.uniform_(-bound, bound, generator=generator)
        with torch.no_grad():
            layer.lora_A.copy_(first)
        layer.train(model.training)
        setattr(parent, leaf, layer)


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """(full name, layer) of every LoRA layer, in the model's order."""
    for name, module in model.named_modules():
        if isinstance(module, LoraLinear):
            yield name, module


def adapter_tensors(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trained tensors under the names PEFT gives them on disk."""
    tensors: dict[str, nn.Parameter] = {}
    for name, layer in lora_layers(model):
        tensors[f"base_model.model.{name}.lora_A.weight"] = layer.lora_A
        tensors[f"base_model.model.{name}.lora_B.weight"] = layer.lora_B
    return tensors


def put_adapter_tensors(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Copy saved tensors into the LoRA layers. Raises ModelError unless names and shapes match exactly."""
    own = adapter_tensors(model)
    wrong = sorted(set(own) ^ set(tensors)) + sorted(
        name for name in set(own) & set(tensors) if own[name].shape != tensors[name].shape
    )
    if wrong:
        raise ModelError(
            f"The adapter does not fit this model: {len(wrong)} tensors differ, the first is {wrong[0]}.",
            "an adapter trained on this base with the same targets and rank",
            "Use the base and the adapter_config.json the adapter was saved with.",
        )
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(tensors[name])
