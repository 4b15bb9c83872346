"""Finished runs on bundled rows and tiny bases, made once for the whole folder."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from medadapt.core.files import read_jsonl
from medadapt.core.progress import Silent
from medadapt.core.recipe_reading import recipe_from
from medadapt.core.records import Record, read_records
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.workflow.outcome import run as run_stages
from medadapt.workflow.request import RunRequest
from tiny import save_base

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
}


def make_base(folder: Path, *, seed: int = 0, context: int = 512, endless: bool = False) -> Path:
    """A tiny Llama that reads bytes; its spread is large enough to learn through.

    `endless`: the token that ends an answer is never the likeliest.
    """
    torch.manual_seed(seed)
    shape = SHAPE | {"max_position_embeddings": context}
    config = LlamaConfig(
        vocab_size=len(byte_tokenizer()), num_hidden_layers=2, initializer_range=0.3, **shape
    )
    model = LlamaForCausalLM(config)
    if endless:
        model.lm_head.weight.data[byte_tokenizer().eos_token_id] = 0  # others have logits on both sides of it
    return save_base(folder, model)


def make_run(
    folder: Path, base: Path, *, until: str | None = None, smoke: bool = False, **sections: Any
) -> Path:
    """A finished run; at most a few seconds."""
    values = {
        "name": folder.name,
        "data": {"format": "symptom_table", "source": "sample:rows/symptoms"},
        "model": {"base": str(base), "precision": "fp32"},
        "training": {"epochs": 2, "learning_rate": 1e-2, "tracking": []},
        "evaluation": {"bootstrap_samples": 100, "method": "generate"},
    } | sections
    recipe = recipe_from(values, where="test", overrides=())
    run_stages(RunRequest(recipe=recipe, folder=folder, last=until, smoke=smoke), Silent())
    return folder


@cache
def diagnosis_run_in(place: Path) -> Path:
    """The finished run on bundled symptoms, made once in a session; its base lies beside it."""
    return make_run(place / "diagnosis", make_base(place / "tiny-base"))


def records_of(run: Path) -> list[Record]:
    return list(read_records(run / "1-records" / "test.jsonl"))


def recorded(run: Path, name: str) -> dict[str, dict[str, Any]]:
    """Predictions of a run by record id."""
    return {row["id"]: row for row in read_jsonl(run / "4-predictions" / f"{name}.jsonl")}
