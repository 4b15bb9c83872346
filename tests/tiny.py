"""Tiny random models and token sets that several folders of tests build on."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BioGptConfig,
    BioGptForCausalLM,
    JetMoeConfig,
    JetMoeForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from medadapt.examples.masking import IGNORED, Example
from medadapt.examples.token_sets import TokenSet, write_token_set
from medadapt.models.smoke_base import byte_tokenizer

VOCABULARY = 97


def tiny_llama(*, dtype: torch.dtype = torch.float32, layers: int = 2, width: int = 32) -> LlamaForCausalLM:
    """The same random Llama each time; its spread is large enough for a frozen head to be learned through."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    config = LlamaConfig(vocab_size=VOCABULARY, num_hidden_layers=layers, initializer_range=0.3, **shape)
    return LlamaForCausalLM(config).to(dtype).eval()


def tiny_opt(*, dtype: torch.dtype = torch.float32) -> OPTForCausalLM:
    """The same random OPT each time, its own dropout off."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_attention_heads": 4,
    }
    config = OPTConfig(vocab_size=VOCABULARY, num_hidden_layers=2, init_std=0.3, dropout=0.0, **shape)
    return OPTForCausalLM(config).to(dtype).eval()


def tiny_biogpt(*, dtype: torch.dtype = torch.float32) -> BioGptForCausalLM:
    """The same random BioGPT each time, its own dropout off."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4}
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "layerdrop": 0.0}
    config = BioGptConfig(vocab_size=VOCABULARY, num_hidden_layers=2, initializer_range=0.3, **shape, **quiet)
    return BioGptForCausalLM(config).to(dtype).eval()


def tiny_jetmoe() -> JetMoeForCausalLM:
    """A random model of an architecture that cannot recompute its activations."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_key_value_heads": 2,
        "kv_channels": 16,
        "num_local_experts": 2,
    }
    config = JetMoeConfig(vocab_size=VOCABULARY, num_hidden_layers=2, initializer_range=0.3, **shape)
    return JetMoeForCausalLM(config).eval()


def tiny_olmoe() -> OlmoeForCausalLM:
    """A random mixture of experts whose configuration asks for a loss of its router."""
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_attention_heads": 4,
        "num_experts": 4,
        "num_experts_per_tok": 2,
        "router_aux_loss_coef": 1.0,
    }
    config = OlmoeConfig(vocab_size=VOCABULARY, num_hidden_layers=2, initializer_range=0.3, **shape)
    return OlmoeForCausalLM(config).eval()


def random_rows(count: int, *, seed: int = 0, longest: int = 40) -> list[dict[str, Any]]:
    """Rows of very unequal length: a prompt that is not learned and an answer that is."""
    draw = random.Random(seed)
    rows = []
    for number in range(count):
        prompt = [draw.randrange(3, VOCABULARY) for _ in range(draw.randrange(2, longest))]
        answer = [draw.randrange(3, VOCABULARY) for _ in range(draw.randrange(1, 9))]
        rows.append(
            {"id": f"r{number}", "input_ids": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}
        )
    return rows


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> TokenSet:
    """Rows as a token set on disk."""
    write_token_set(
        folder,
        (
            Example(**row, prompt="", completion="", answer_cut=False, prompt_cut=False)  # type: ignore[arg-type]
            for row in rows
        ),
    )
    return TokenSet(folder)


def save_base(folder: Path, model: Any) -> Path:
    """A model folder as users have them, with a byte tokenizer and an embedding for each of its tokens."""
    tokenizer = byte_tokenizer()
    if model.config.vocab_size < len(tokenizer):
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
