"""Tiny models and questions that the tests of predictions share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedTokenizerFast,
)

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.examples.plan import EncodingPlan
from medadapt.examples.templates import Wording
from medadapt.models.loading import LoadedBase

LABELS = ("Diabetes", "Diabetes insipidus", "Malaria", "Dengue")


@pytest.fixture(scope="session")
def byte_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer of 256 bytes and one end-of-text token, without a pad token."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {symbol: number for number, symbol in enumerate(["</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>")


@pytest.fixture
def tiny(byte_tokenizer) -> Callable[..., LoadedBase]:
    """Builds the same small random model of an architecture ("llama" or "opt") each time it is called."""

    def build(kind: str, dtype: torch.dtype = torch.float32) -> LoadedBase:
        torch.manual_seed(0)
        shape = {"vocab_size": 257, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
        tokens = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
        if kind == "llama":
            config = LlamaConfig(
                **shape, **tokens, intermediate_size=64, num_key_value_heads=2, initializer_range=0.3
            )
            model = LlamaForCausalLM(config)
        else:
            config = OPTConfig(
                **shape,
                **tokens,
                ffn_dim=64,
                word_embed_proj_dim=32,
                max_position_embeddings=512,
                init_std=0.3,
            )
            model = OPTForCausalLM(config)
        model = model.to(dtype).eval().requires_grad_(False)
        return LoadedBase(
            model=model,
            tokenizer=byte_tokenizer,
            device=torch.device("cpu"),
            dtype=dtype,
            sha256=f"tiny-{kind}",
            name=f"tiny-{kind}",
            facts={"quantization": {"asked": "none", "got": "none"}},
        )

    return build


@pytest.fixture
def looking_back(tiny) -> Callable[[str], LoadedBase]:
    """Builds a small random model whose attention looks back over 24 tokens; of "gemma2" in every other layer."""

    def build(model_type: str) -> LoadedBase:
        torch.manual_seed(0)
        config = AutoConfig.for_model(
            model_type, vocab_size=257, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, head_dim=8,
            num_key_value_heads=2, intermediate_size=64, max_position_embeddings=256, sliding_window=24,
            bos_token_id=0, eos_token_id=0, pad_token_id=None,
        )  # fmt: skip
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        for weight in model.parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, std=0.3)
        return replace(tiny("llama"), model=model.eval().requires_grad_(False))

    return build


@pytest.fixture
def encoder_for() -> Callable[..., Encoder]:
    """Builds an encoder for a task: symptoms (diagnosis), question (open) or choices (multiple choice)."""

    def build(tokenizer, template: str = "symptoms", answer: str = "text", **changes) -> Encoder:
        plan = EncodingPlan(
            wording=Wording(template=template, system=None, options=template == "choices", answer=answer),
            chat=False,
            max_length=256,
            prompt_limit=192,
            closing=tokenizer.eos_token,
            labels=LABELS if template == "symptoms" else (),
        )
        return Encoder(tokenizer, replace(plan, **changes))

    return build


@pytest.fixture
def record() -> Callable[..., Record]:
    """Builds a record; everything but the question has a default."""

    def build(question: str, **changes) -> Record:
        values = {"id": question[:8], "source_row": 1, "group": question, "answer": "rest"}
        return Record(question=question, **{**values, **changes})

    return build


@pytest.fixture
def diagnoses(record) -> list[Record]:
    """Symptom rows of different lengths."""
    rows = [
        ("thirst", LABELS[0]),
        ("thirst, headache, and much water", LABELS[1]),
        ("fever, chills", LABELS[2]),
    ]
    return [record(text, id=f"r{i}", label=label, answer=label) for i, (text, label) in enumerate(rows)]


@pytest.fixture
def exam(record) -> list[Record]:
    """Exam questions with three and four options."""
    options = [["rest", "ice"], ["aspirin", "heparin", "insulin"], ["one", "two", "three", "four"]]
    return [
        record(f"Question number {i}?", id=f"m{i}", options=some, answer_index=i % 2, answer=some[i % 2])
        for i, some in enumerate(options)
    ]
