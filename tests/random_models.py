"""Tiny random models of every architecture that is looked after, and their adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from medadapt.core.recipe import LoraSection
from medadapt.models.adapter import new_adapter, save_config, save_weights
from medadapt.models.loading import LoadedBase, config_without_dropout
from medadapt.models.lora import DoraLinear, adapter_tensors, lora_layers
from medadapt.models.quiet import quiet_libraries
from medadapt.models.smoke_base import SPREAD, byte_tokenizer, tiny_config

ARCHITECTURES = (
    "llama", "mistral", "opt", "biogpt", "gpt2", "gpt_neox", "qwen2", "qwen3", "gemma", "gemma2", "phi", "phi3",
)  # fmt: skip
HYBRID = {"intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
STATE_SPACE: dict[str, dict[str, Any]] = {
    "mamba2": {"num_heads": 8, "head_dim": 16, "state_size": 8, "n_groups": 1, "chunk_size": 16},
    "jamba": HYBRID | {
        "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_offset": 0, "num_experts": 2, "mamba_d_state": 8,
    },
    "granitemoehybrid": HYBRID | {
        "layer_types": ["mamba", "attention"], "position_embedding_type": "rope", "num_local_experts": 4,
        "shared_intermediate_size": 32, "mamba_n_heads": 8, "mamba_d_state": 8, "mamba_chunk_size": 16,
    },
    "zamba": HYBRID | {
        "layers_block_type": ["hybrid", "hybrid"], "attention_hidden_size": 128, "attention_head_dim": 32,
        "num_key_value_heads": 4, "mamba_d_state": 8,
    },
}  # fmt: skip
"""State-space models and hybrids with attention, and what makes them small."""
TOKENS = torch.tensor([[0, 40, 9, 130, 77, 5, 200], [0, 3, 3, 90, 31, 250, 8]])


def write_random_base(folder: Path, model_type: str) -> Path:
    """A base of this architecture with random weights and a byte tokenizer; the same each time."""
    tokenizer = byte_tokenizer()
    if model_type in STATE_SPACE:
        config = AutoConfig.for_model(
            model_type, vocab_size=len(tokenizer), hidden_size=64, num_hidden_layers=2, initializer_range=SPREAD,
            bos_token_id=0, eos_token_id=1, pad_token_id=None, **STATE_SPACE[model_type],
        )  # fmt: skip
    else:
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
