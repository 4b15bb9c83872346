"""Configurations of every architecture that are small enough to train a random model of in a moment."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

SPREAD = 0.2
"""Of the random weights. The usual 0.02 leaves a frozen random head so flat that nothing can be learned."""
TINY = {
    "hidden_size": 64,
    "n_embd": 64,
    "word_embed_proj_dim": 64,
    "intermediate_size": 128,
    "ffn_dim": 128,
    "n_inner": 128,
    "num_hidden_layers": 2,
    "n_layer": 2,
    "num_attention_heads": 4,
    "n_head": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 1024,
    "n_positions": 1024,
    "sliding_window": 1024,
    "layer_types": None,
    "max_window_layers": 2,
    "num_local_experts": 2,
    "rope_scaling": None,
    "quantization_config": None,
}
GEMMA_LAYERS = ["sliding_attention", "full_attention"]
HEADS = {"mamba_n_heads": 8, "mamba_d_state": 8, "mamba_chunk_size": 16}
TINY_OF: dict[str, dict[str, Any]] = {
    "mamba2": {"num_heads": 8, "state_size": 8, "n_groups": 1, "chunk_size": 16},
    "jamba": {
        "attn_layer_period": 2, "attn_layer_offset": 1, "expert_layer_offset": 0, "num_experts": 2, "mamba_d_state": 8,
    },
    "bamba": HEADS | {"attn_layer_indices": [1]},
    "falcon_h1": HEADS | {"mamba_d_ssm": 128},
    "granitemoehybrid": HEADS | {
        "layer_types": ["mamba", "attention"], "position_embedding_type": "rope", "num_local_experts": 4,
        "shared_intermediate_size": 32,
    },
    "nemotron_h": {
        "layer_types": ["linear_attention", "full_attention", "moe", "mlp"], "num_hidden_layers": 4,
        "mamba_num_heads": 8, "mamba_head_dim": 16, "ssm_state_size": 8, "n_groups": 1, "chunk_size": 16,
        "moe_intermediate_size": 64, "moe_shared_expert_intermediate_size": 64,
    },
    # Their attention reads the hidden state beside the embedding, twice its width.
    "zamba": {
        "layer_types": ["hybrid", "hybrid"], "attention_hidden_size": 128, "head_dim": 32, "num_key_value_heads": 4,
        "mamba_d_state": 8,
    },
    "zamba2": {
        "layer_types": ["linear_attention", "hybrid"], "attention_hidden_size": 128, "head_dim": 32,
        "num_key_value_heads": 4, "mamba_d_state": 8, "chunk_size": 16, "adapter_rank": 8,
    },
    "gemma3n_text": {
        "layer_types": ["full_attention"] * 2, "num_kv_shared_layers": 0, "intermediate_size": [128, 128],
        "activation_sparsity_pattern": [0.0, 0.0], "hidden_size_per_layer_input": 16, "laurel_rank": 8,
    },
    "gemma4_text": {
        "layer_types": GEMMA_LAYERS, "global_head_dim": 16, "hidden_size_per_layer_input": 16,
        "rope_scaling": {kind: {"rope_type": "default", "rope_theta": 1e4} for kind in GEMMA_LAYERS},
    },
}  # fmt: skip
"""What some need besides: state-space models and their hybrids one layer of each kind, and heads that fit the width."""


def tiny_config(model_type: str, *, vocabulary_size: int, tokenizer: Any) -> Any:
    """A configuration of this architecture with two small layers, or one of each kind it has."""
    default = AutoConfig.for_model(model_type)
    default.allow_global_per_layer_attribute_access = True  # some have values of which a layer has its own
    wanted = {key: value for key, value in TINY.items() if _can_be_set(default, key)} | TINY_OF.get(
        model_type, {}
    )
    # By its own names: an alias would be taken up only after others were computed from the value.
    values: dict[str, Any] = {default.attribute_map.get(key, key): value for key, value in wanted.items()} | {
        "vocab_size": vocabulary_size,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    if hasattr(default, "vocab_size_per_layer_input"):
        values["vocab_size_per_layer_input"] = vocabulary_size
    for spread in ("initializer_range", "init_std"):
        if hasattr(default, spread):
            values[spread] = SPREAD
    return AutoConfig.for_model(model_type, **values)


def _can_be_set(config: Any, key: str) -> bool:
    """Whether a configuration has this value, and does not compute it from others."""
    name = config.attribute_map.get(key, key)
    computed = getattr(type(config), name, None)
    return hasattr(config, key) and not (isinstance(computed, property) and computed.fset is None)
