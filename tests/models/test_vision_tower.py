"""Bases that also see pictures (MedGemma, Gemma 3): text never reaches the vision tower, so no adapter is put there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, Gemma3Config

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import load_adapter, new_adapter
from medadapt.models.continuing import can_continue
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors
from medadapt.models.packed.decoder import packed_decoder
from medadapt.models.placement import packed_dtypes
from medadapt.models.smoke_base import byte_tokenizer, write_smoke_base
from medadapt.models.targets import resolve_targets, short_names
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from random_models import logits, move_away, saved_adapter, wide_base
from tiny import random_rows

LLAMA = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]
DECODER = "model.language_model."


@pytest.fixture(scope="module")
def gemma3(tmp_path_factory) -> Path:
    """A tiny random Gemma 3 with a vision tower, as transformers loads MedGemma-4B."""
    folder = tmp_path_factory.mktemp("gemma3")
    tokenizer = byte_tokenizer()
    both = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    text = {
        **both, "num_hidden_layers": 2, "num_key_value_heads": 1, "head_dim": 16, "sliding_window": 64,
        "vocab_size": len(tokenizer), "initializer_range": 0.2, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
    }  # fmt: skip
    vision = {**both, "num_hidden_layers": 1, "image_size": 28, "patch_size": 14}
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def peft_twin(base_folder: Path, adapter: Path) -> PeftModel:
    return PeftModel.from_pretrained(
        wide_base(base_folder).model, adapter, is_trainable=True, autocast_adapter_dtype=False
    )


@pytest.mark.parametrize(
    ("targets", "short"),
    [("all-linear", LLAMA), ("attention", ATTENTION), (("q_proj", "v_proj"), ["q_proj", "v_proj"])],
)
def test_only_layers_of_the_text_decoder_are_meant(gemma3, targets, short):
    names = resolve_targets(wide_base(gemma3).model, targets)
    assert all(name.startswith(DECODER) for name in names)
    assert (short_names(names), len(names)) == (short, 2 * len(short))


def test_a_layer_that_only_the_vision_tower_has_is_not_there(gemma3):
    with pytest.raises(ModelError, match="fc1, which the decoder") as caught:
        resolve_targets(wide_base(gemma3).model, ("q_proj", "fc1"))
    assert "fc2" not in caught.value.expected


def test_a_step_on_text_gives_every_adapted_tensor_a_gradient(gemma3):
    base = load_base(ModelSection(base=str(gemma3), precision="fp32"), device="cpu")
    new_adapter(base, LoraSection(rank=4, dropout=0.0), seed=0)
    move_away(base)
    base.model.train()
    accumulate_gradient(base.model, random_rows(6), memory=MemoryPlan(micro_tokens=200), step=1, seed=0)
    assert [name for name, tensor in adapter_tensors(base.model).items() if not tensor.grad.any()] == []


@pytest.mark.parametrize("targets", ["all-linear", ("q_proj", "v_proj"), ("gate_proj",)])
def test_plain_peft_adapts_the_same_layers_and_gives_the_same_logits(gemma3, targets, tmp_path):
    ours = wide_base(gemma3)
    lora = LoraSection(rank=4, dropout=0.0, targets=targets)
    theirs = peft_twin(gemma3, saved_adapter(ours, lora, tmp_path))
    trained = {n.replace(".default", "") for n, p in theirs.named_parameters() if p.requires_grad}
    assert trained == set(adapter_tensors(ours.model))
    torch.testing.assert_close(logits(ours.model), logits(theirs.eval()), rtol=1e-10, atol=1e-10)


def test_names_that_the_vision_tower_has_too_are_written_in_full(gemma3, tmp_path):
    saved_adapter(wide_base(gemma3), LoraSection(rank=4, targets=("q_proj", "gate_proj")), tmp_path)
    written = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    assert len(written) == 4
    assert all(name.startswith(DECODER) for name in written)


def test_names_that_the_vision_tower_does_not_have_stay_short(gemma3, tmp_path):
    saved_adapter(wide_base(gemma3), LoraSection(rank=4, targets=("gate_proj", "o_proj")), tmp_path)
    written = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    assert written == ["gate_proj", "o_proj"]


def test_a_saved_adapter_gives_the_same_logits_again(gemma3, tmp_path):
    ours = wide_base(gemma3)
    saved_adapter(ours, LoraSection(rank=4), tmp_path)
    again = load_adapter(wide_base(gemma3), tmp_path)
    torch.testing.assert_close(logits(again.model), logits(ours.model), rtol=1e-5, atol=1e-5)


def test_its_sizes_are_those_of_the_text_decoder(gemma3):
    base = load_base(ModelSection(base=str(gemma3), precision="fp32"), device="cpu")
    assert base.vocabulary_size == len(base.tokenizer)
    assert base.context_length == base.model.config.text_config.max_position_embeddings


def test_its_rows_are_not_packed(gemma3):
    assert packed_decoder(wide_base(gemma3).model) is None


def test_it_goes_on_from_what_was_read(gemma3):
    assert can_continue(load_base(ModelSection(base=str(gemma3), precision="fp32"), device="cpu").model)


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_the_vision_tower_is_planned_as_packed(gemma3, quantization):
    names = packed_dtypes(wide_base(gemma3).model, quantization)
    assert any(name.startswith("model.vision_tower.") for name in names)


def test_a_smoke_base_is_its_language_model_alone(gemma3, tmp_path):
    write_smoke_base(ModelSection(base=str(gemma3)), tmp_path / "smoke", seed=0)
    assert json.loads((tmp_path / "smoke" / "config.json").read_text())["model_type"] == "gemma3_text"
