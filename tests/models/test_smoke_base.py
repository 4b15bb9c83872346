"""The tiny base of a smoke run, with the byte tokenizer and with the tokenizers of real models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import T5Config

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import start_adapter
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors
from medadapt.models.smoke_base import byte_tokenizer, family_of, write_smoke_base
from medadapt.models.tiny_config import tiny_config
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from random_models import STATE_SPACE

TEXT = "A 54-year-old man has chest pain & fever."
REAL = {"biogpt": "biogpt", "gpt2": "gpt2", "llama2": "mistral", "opt": "opt", "pythia": "gpt_neox"}


@pytest.fixture
def real_base(shared_data, tmp_path):
    """A folder with a real tokenizer and a configuration, but no weights, as a recipe may name it."""
    from medadapt.models.loading import load_tokenizer

    def write(name: str) -> Path:
        folder = tmp_path / name
        shutil.copytree(shared_data / "tokenizers" / name, folder)
        tokenizer = load_tokenizer(str(folder))
        size = max(tokenizer.get_vocab().values()) + 1
        tiny_config(REAL[name], vocabulary_size=size, tokenizer=tokenizer).save_pretrained(folder)
        return folder

    return write


@pytest.mark.parametrize(
    ("name", "quantization"),
    [("biogpt", "none"), ("gpt2", "int8"), ("llama2", "int8"), ("opt", "none"), ("pythia", "nf4")],
)
def test_with_a_real_tokenizer_the_tiny_base_loads_and_trains(real_base, name, quantization, tmp_path):
    asked = ModelSection(base=str(real_base(name)), quantization=quantization, precision="fp32")
    write_smoke_base(asked, tmp_path / "0-base", seed=0)
    base = load_base(asked, base=str(tmp_path / "0-base"), device="cpu")
    tokens = base.tokenizer(TEXT)["input_ids"]
    assert " ".join(base.tokenizer.decode(tokens, skip_special_tokens=True).split()) == TEXT
    assert max(tokens) < base.vocabulary_size
    start_adapter(base, LoraSection(rank=2), seed=0, adapter=None)
    row = {"id": "r", "input_ids": tokens, "labels": tokens}
    accumulate_gradient(base.model.train(), [row], memory=MemoryPlan(micro_tokens=64), step=1, seed=0)
    assert all(t.grad.any() for n, t in adapter_tensors(base.model).items() if "lora_B" in n)
    assert base.facts["quantization"] == {"asked": quantization, "got": quantization}


@pytest.mark.parametrize("model_type", ["mamba", "falcon_mamba", "gemma3n_text", "gemma4_text", *STATE_SPACE])
def test_the_tiny_base_of_an_unusual_architecture_trains(model_type, tmp_path):
    named = tmp_path / "named"
    byte_tokenizer().save_pretrained(named)
    (named / "config.json").write_text(json.dumps({"model_type": model_type}))
    asked = ModelSection(base=str(named), precision="fp32")
    write_smoke_base(asked, tmp_path / "0-base", seed=0)
    base = load_base(asked, base=str(tmp_path / "0-base"), device="cpu")
    assert sum(weights.numel() for weights in base.model.parameters()) < 500_000
    start_adapter(base, LoraSection(rank=2), seed=0, adapter=None)
    tokens = base.tokenizer(TEXT)["input_ids"]
    row = {"id": "r", "input_ids": tokens, "labels": tokens}
    accumulate_gradient(base.model.train(), [row], memory=MemoryPlan(micro_tokens=64), step=1, seed=0)
    assert all(t.grad.any() for n, t in adapter_tensors(base.model).items() if "lora_B" in n)


@pytest.mark.parametrize(
    ("name", "model_type"),
    [
        ("google/gemma-3n-E2B-it", "gemma3n_text"),
        ("google/gemma-3-1b-it", "gemma3_text"),
        ("google/gemma-4-E2B-it", "gemma4_text"),
        ("google/gemma-2-2b", "gemma2"),
        ("google/gemma-2b", "gemma"),
    ],
)
def test_the_generations_of_a_family_are_told_apart(name, model_type):
    assert family_of(name) == model_type


def test_there_is_no_tiny_base_of_an_encoder_and_decoder(tmp_path):
    T5Config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="type t5 cannot be used"):
        write_smoke_base(ModelSection(base=str(tmp_path)), tmp_path / "0-base", seed=0)


def test_the_same_seed_gives_the_same_base(tmp_path):
    for seed, folder in ((1, "a"), (1, "b"), (2, "c")):
        write_smoke_base(ModelSection(base="openai-community/gpt2"), tmp_path / folder, seed=seed)
    first, again, other = ((tmp_path / f / "model.safetensors").read_bytes() for f in "abc")
    assert first == again
    assert first != other


def test_writing_it_leaves_the_random_numbers_of_others_alone(tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    write_smoke_base(ModelSection(base="microsoft/biogpt"), tmp_path, seed=0)
    assert torch.equal(torch.rand(3), expected)
