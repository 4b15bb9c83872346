"""Tiny random models of every architecture that is looked after, and their adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from medadapt.core.recipe import LoraSection
from medadapt.models.adapter import new_adapter, save_config, save_weights
from medadapt.models.loading import LoadedBase, config_without_dropout
from medadapt.models.lora import DoraLinear, adapter_tensors, lora_layers
from medadapt.models.quiet import quiet_libraries
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.tiny_config import TINY_OF, tiny_config

ARCHITECTURES = (
    "llama", "mistral", "opt", "biogpt", "gpt2", "gpt_neox", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3",
)  # fmt: skip
STATE_SPACE = tuple(name for name in TINY_OF if not name.startswith("gemma"))
"""State-space models and hybrids with attention."""
TOKENS = torch.tensor([[0, 40, 9, 130, 77, 5, 200], [0, 3, 3, 90, 31, 250, 8]])


def write_random_base(folder: Path, model_type: str) -> Path:
    """A base of this architecture with random weights and a byte tokenizer; the same each time."""
    tokenizer = byte_tokenizer()
    config = tiny_config(model_type, vocabulary_size=len(tokenizer), tokenizer=tokenizer)
    torch.manual_seed(0)
    with quiet_libraries():
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def wide_base(folder: Path) -> LoadedBase:
    """The base of a folder in double precision, where two right answers differ by rounding of 1e-16 only."""
    with quiet_libraries():
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config_without_dropout(str(folder)),
            dtype=torch.float64,
            attn_implementation="eager",
        )
    return LoadedBase(
        model=model.eval(),
        tokenizer=byte_tokenizer(),
        device=torch.device("cpu"),
        dtype=torch.float64,
        sha256="0" * 64,
        name=str(folder),
        facts={"quantization": {"asked": "none", "got": "none"}},
    )


def saved_adapter(base: LoadedBase, lora: LoraSection, folder: Path) -> Path:
    """A fresh adapter on `base`, every tensor moved away from its start, saved to `folder`."""
    layers = new_adapter(base, lora, seed=0)
    move_away(base)
    save_config(base, lora, layers, folder)
    save_weights(dict(adapter_tensors(base.model)), folder)
    return folder


def move_away(base: LoadedBase) -> None:
    """Give B and the magnitudes values as after some training, so that each part of the adapter acts."""
    generator = torch.Generator().manual_seed(1)
    for _, layer in lora_layers(base.model):
        if base.dtype == torch.float64:
            layer.double()
        with torch.no_grad():
            layer.lora_B.copy_(torch.randn(layer.lora_B.shape, generator=generator) * 0.05)
            if isinstance(layer, DoraLinear):
                layer.magnitude.mul_(1 + 0.1 * torch.randn(layer.magnitude.shape, generator=generator))


def logits(model: Any) -> torch.Tensor:
    """Of the tokens above."""
    with torch.no_grad():
        result: torch.Tensor = model(input_ids=TOKENS).logits
    return result
