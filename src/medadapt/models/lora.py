"""LoRA layers: a frozen linear layer plus a trained low-rank update.

The mathematics, the initial values and the names on disk are PEFT's, so the adapter loads with
`PeftModel.from_pretrained`. Three variants: plain (Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large
Language Models"), rank-stabilised (Kalajdzievski 2023, arXiv 2312.03732, another scale), and
weight-decomposed (Liu et al. 2024, "DoRA", arXiv 2402.09353, a trained length for every output).

The layers are our own because the trained weights stay in fp32 while the computation runs in the base's
number format, without autocast, and because dropout must be reproducible from (seed, step, micro-batch).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.core.errors import ModelError
from medadapt.core.hashes import sha256_text
from medadapt.models.dropout import silenced
from medadapt.models.linear import (
    dense_bias,
    dense_weight,
    is_plain,
    is_quantized,
    linear_shape,
    working_device,
)

Variant = Literal["lora", "rslora", "dora"]


def lora_scale(*, rank: int, alpha: float, variant: Variant) -> float:
    """What the low-rank update is multiplied by: alpha / rank, rank-stabilised alpha / sqrt(rank)."""
    return alpha / math.sqrt(rank) if variant == "rslora" else alpha / rank


class LoraLinear(nn.Module):
    """y = base(x) + scale * B A dropout(x), with A (rank, in) and B (out, rank) trained."""

    def __init__(
        self, base: nn.Module, *, rank: int, scale: float, dropout: float, dtype: torch.dtype
    ) -> None:
        super().__init__()
        width_in, width_out = linear_shape(base)
        device = working_device(base)
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
        seen, kept = self._seen(x)
        # What dropout leaves is scaled up here, where it costs nothing.
        return torch.add(y, self._update(seen).to(y), alpha=self.scale / kept)

    def tensors(self) -> dict[str, nn.Parameter]:
        """What is trained, under the ends of PEFT's names."""
        return {"lora_A.weight": self.lora_A, "lora_B.weight": self.lora_B}

    def _seen(self, x: Tensor) -> tuple[Tensor, float]:
        """What the update sees of its input, and the share of it that dropout keeps."""
        if not (self.training and self.dropout):
            return x, 1.0
        mask = silenced(x.shape, self.dropout, self.mask_seed + self.place, x.device)
        return x.masked_fill(mask, 0), 1 - self.dropout

    def _update(self, x: Tensor) -> Tensor:
        """B A x, on the adapter's device."""
        low = functional.linear(x.to(self.lora_A.device), self.lora_A.to(x.dtype))
        return functional.linear(low, self.lora_B.to(x.dtype))


class DoraLinear(LoraLinear):
    """y = m / n * (W x + scale * B A x) + bias: also the length m of every output's weights is trained.

    n is the length of each row of W + scale * B A. As in the paper (section 4.3) and in PEFT no gradient
    flows through it, and dropout silences the input of everything but the plain W x.

    Raises ModelError for a base layer that multiplies with other weights than it holds: n would not be their length.
    """

    def __init__(
        self, base: nn.Module, *, rank: int, scale: float, dropout: float, dtype: torch.dtype
    ) -> None:
        if not (is_plain(base) or is_quantized(base)):
            raise ModelError(
                f"lora.variant dora cannot be used on {type(base).__name__} layers, which change their weights when "
                "they compute: the lengths that it trains would be those of other weights.",
                "layers that multiply with their weights as they stand",
                "Use lora.variant: lora or rslora.",
            )
        super().__init__(base, rank=rank, scale=scale, dropout=dropout, dtype=dtype)
        self._lengths: Tensor | None = None
        self._lengths_of: tuple[int, ...] = ()
        self._bias = dense_bias(base)
        self.magnitude = nn.Parameter(
            torch.empty(self.lora_B.shape[0], dtype=dtype, device=self.lora_B.device)
        )
        self.reset_magnitude()

    @torch.no_grad()
    def reset_magnitude(self) -> None:
        """Start from the lengths there are, so that nothing changes until training does."""
        self.magnitude.copy_(self.lengths())

    def forward(self, x: Tensor) -> Tensor:
        """(..., in) -> (..., out), in the number format of `x`."""
        y = self.base(x)
        seen, kept = self._seen(x)
        plain = y if seen is x else self.base(seen)
        plain = plain if self._bias is None else plain - self._bias.to(plain)
        ratio = self.magnitude / self.lengths()
        # W x is already in y once, and its rest is small: little is lost where y has few digits.
        return y + ((ratio - 1).to(y) * plain + ratio.to(y) * self._update(seen).to(y) * self.scale) / kept

    def tensors(self) -> dict[str, nn.Parameter]:
        """What is trained, under the ends of PEFT's names."""
        return {**super().tensors(), "lora_magnitude_vector": self.magnitude}

    def train(self, mode: bool = True) -> DoraLinear:
        """Switch between training and evaluation; the lengths are measured anew after it."""
        self._lengths = None
        super().train(mode)
        return self

    def lengths(self) -> Tensor:
        """(out,) lengths of the rows of W + scale * B A, kept while only evaluation goes on.

        In training A and B change without a sign (the fused optimiser does not count versions up), so there
        they are measured in every pass.
        """
        of = (self.lora_A._version, self.lora_B._version, self.lora_A.data_ptr(), self.lora_B.data_ptr())
        if not self.training and self._lengths is not None and self._lengths_of == of:
            return self._lengths
        # A tensor made in inference mode could not be used in training later.
        with torch.inference_mode(False), torch.no_grad():
            self._lengths = torch.linalg.vector_norm(effective_weight(self), dim=1)
        self._lengths_of = of
        return self._lengths


@torch.no_grad()
def effective_weight(layer: LoraLinear) -> Tensor:
    """W + scale * B A as an (out, in) matrix in the adapter's number format, before any magnitude."""
    weight = dense_weight(layer.base).to(layer.lora_A, copy=True)
    return weight.addmm_(layer.lora_B, layer.lora_A, alpha=layer.scale)


def attach_lora(
    model: nn.Module,
    names: list[str],
    *,
    rank: int,
    alpha: float,
    dropout: float,
    seed: int,
    variant: Variant = "lora",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Put a LoRA layer around every module whose full name is in `names`; the rest stays frozen.

    A is drawn as PEFT draws it (Kaiming uniform), from `seed` and the module's name, so the same on every
    device; B is zero, so the adapted model equals its base.
    """
    model.requires_grad_(False)
    kind = DoraLinear if variant == "dora" else LoraLinear
    scale = lora_scale(rank=rank, alpha=alpha, variant=variant)
    for place, name in enumerate(names):
        layer = kind(model.get_submodule(name), rank=rank, scale=scale, dropout=dropout, dtype=dtype)
        layer.place = place
        generator = torch.Generator().manual_seed(int(sha256_text(f"{seed} {name}")[:15], 16))
        first = torch.empty(layer.lora_A.shape, dtype=torch.float32)
        bound = math.sqrt(6 / ((1 + 5) * first.shape[1]))  # kaiming_uniform_ with a = sqrt(5)
        first.uniform_(-bound, bound, generator=generator)
        with torch.no_grad():
            layer.lora_A.copy_(first)
        layer.train(model.training)
        replace_layer(model, name, layer)


def replace_layer(model: nn.Module, name: str, layer: nn.Module) -> None:
    """Put a layer in place of the module with this full name."""
    parent, _, leaf = name.rpartition(".")
    setattr(model.get_submodule(parent), leaf, layer)


def lora_layers(model: nn.Module) -> Iterator[tuple[str, LoraLinear]]:
    """(full name, layer) of every LoRA layer, in the model's order."""
    for name, module in model.named_modules():
        if isinstance(module, LoraLinear):
            yield name, module


def adapter_tensors(model: nn.Module) -> dict[str, nn.Parameter]:
    """The trained tensors under the names PEFT gives them on disk."""
    return {
        f"base_model.model.{name}.{end}": tensor
        for name, layer in lora_layers(model)
        for end, tensor in layer.tensors().items()
    }


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
