"""Mixtures whose shared experts PEFT would take for the others: no adapter is put on them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from peft.utils import transformers_weight_conversion as of_peft
from transformers import AutoConfig, AutoModelForCausalLM

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.fused_experts import KINDS, NAMES
from medadapt.models.loading import load_base
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.targets import resolve_targets, short_names
from random_models import logits, saved_adapter, wide_base

ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]


@pytest.fixture(scope="module")
def glm4_moe(tmp_path_factory) -> Path:
    """A tiny random GLM-4-MoE: a layer without experts, and one with four and a shared one."""
    folder = tmp_path_factory.mktemp("glm4_moe")
    tokenizer = byte_tokenizer()
    config = AutoConfig.for_model(
        "glm4_moe", vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, moe_intermediate_size=16,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=16, n_routed_experts=4,
        num_experts_per_tok=2, n_shared_experts=1, first_k_dense_replace=1, max_position_embeddings=256,
        bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_all_linear_leaves_out_what_peft_takes_for_experts(glm4_moe):
    assert short_names(resolve_targets(wide_base(glm4_moe).model, "all-linear")) == ATTENTION


@pytest.mark.parametrize("asked", ["gate_proj", "shared_experts.down_proj"])
def test_such_a_layer_asked_for_by_name_is_refused(glm4_moe, asked):
    with pytest.raises(ModelError, match="for the experts"):
        resolve_targets(wide_base(glm4_moe).model, ("q_proj", asked))


def test_plain_peft_gives_the_same_logits(glm4_moe, tmp_path):
    ours, plain = (
        load_base(ModelSection(base=str(glm4_moe), precision="fp32"), device="cpu") for _ in range(2)
    )  # stacks of experts do not compute in double precision
    adapter = saved_adapter(ours, LoraSection(rank=4, dropout=0.0), tmp_path)
    theirs = PeftModel.from_pretrained(plain.model, adapter)
    torch.testing.assert_close(logits(ours.model), logits(theirs.eval()), rtol=1e-5, atol=1e-5)


def test_the_names_are_those_of_the_installed_peft():
    theirs = {kind: set(names) for kind, names in of_peft._MOE_TARGET_MODULE_MAPPING.items()}
    assert theirs == NAMES


def test_the_models_are_those_of_the_installed_peft():
    assert of_peft._MODEL_TO_CONVERSION_PATTERN == KINDS
