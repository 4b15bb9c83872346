"""int8 and nf4 weights on a CPU: really packed, the head untouched, trainable, and not worn by evaluations."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant
from bitsandbytes.nn import Linear4bit, Linear8bitLt
from torch import nn

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import new_adapter
from medadapt.models.linear import dense_weight, is_linear
from medadapt.models.loading import LoadedBase, load_base
from medadapt.models.lora import adapter_tensors
from medadapt.models.quantization import (
    check_head,
    compute_in,
    published_quantization,
    weights_quantization,
)
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from random_models import ARCHITECTURES, TOKENS, logits, move_away, write_random_base
from tiny import random_rows, tiny_llama

KINDS = {"int8": Linear8bitLt, "nf4": Linear4bit}


@pytest.fixture(scope="module")
def mistral(tmp_path_factory) -> Path:
    return write_random_base(tmp_path_factory.mktemp("mistral"), "mistral")


def loaded(folder: Path, quantization: str, precision: str = "fp32") -> LoadedBase:
    section = ModelSection(base=str(folder), quantization=quantization, precision=precision)
    return load_base(section, device="cpu")


@pytest.mark.parametrize("quantization", KINDS)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_linear_layer_of_the_decoder_is_packed_and_the_head_is_not(quantization, model_type, tmp_path):
    base = loaded(write_random_base(tmp_path, model_type), quantization)
    layers = [(name, m) for name, m in base.model.named_modules() if is_linear(m) and ".0." in name]
    assert layers
    assert {type(layer) for _, layer in layers} == {KINDS[quantization]}
    assert type(base.model.get_output_embeddings()) is nn.Linear
    assert base.facts["quantization"] == {"asked": quantization, "got": quantization}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_int8_weights_stay_int8_and_the_rest_has_the_precision_asked_for(mistral, precision):
    base = loaded(mistral, "int8", precision)
    logits(base.model)
    weights = {m.weight.dtype for m in base.model.modules() if isinstance(m, Linear8bitLt)}
    others = {p.dtype for p in base.model.parameters() if p.dtype.is_floating_point}
    assert weights == {torch.int8}
    assert others == {torch.bfloat16 if precision == "bf16" else torch.float32}
    assert base.facts["precision"]["got"] == precision


def test_weights_published_in_4_bits_are_multiplied_in_the_precision_asked_for():
    """As on a GPU that has bf16 in software only; bitsandbytes itself follows fp32 and bf16 inputs, and not these."""
    layer = Linear4bit(8, 8, compute_dtype=torch.bfloat16)
    compute_in(nn.ModuleList([layer]), torch.float16)
    layer.set_compute_type(torch.ones(1, 8, dtype=torch.float16))
    assert layer.compute_dtype is torch.float16


@pytest.mark.parametrize(
    ("config", "packing"),
    [
        ({"quantization_config": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}}, "nf4"),
        ({"quantization_config": {"load_in_4bit": False, "load_in_8bit": True}}, "int8"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "none"),
        ({"quantization_config": ["load_in_4bit"]}, "none"),
        ({"quantization_config": None}, "none"),
        ({}, "none"),
    ],
)
def test_how_a_base_was_published_stands_in_its_config(config, packing):
    assert published_quantization(config) == packing


@pytest.mark.parametrize("kind", [{}, {"bnb_4bit_quant_type": "fp4"}])
def test_a_base_published_in_4_bits_that_are_no_nf4_is_refused_by_its_config(kind):
    with pytest.raises(ModelError, match="of the kind fp4"):
        published_quantization({"quantization_config": {"load_in_4bit": True, **kind}})


def test_no_wide_copy_of_an_int8_weight_is_kept(mistral):
    base = loaded(mistral, "int8")
    logits(base.model)
    layer = next(m for m in base.model.modules() if isinstance(m, Linear8bitLt))
    held = [v for v in (*vars(layer).values(), *vars(layer.state).values()) if isinstance(v, torch.Tensor)]
    held += [v for v in vars(layer.weight).values() if isinstance(v, torch.Tensor)]
    assert all(t.dtype == torch.int8 or t.numel() < layer.weight.numel() for t in held)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("variant", ["lora", "dora"])
@pytest.mark.parametrize("quantization", KINDS)
def test_an_evaluation_does_not_change_later_gradients(mistral, quantization, variant, precision):
    """On CPUs with AVX512-BF16 bitsandbytes would otherwise drop them for 4-bit layers, with no error."""
    rows = random_rows(4)
    base = loaded(mistral, quantization, precision)
    new_adapter(base, LoraSection(rank=4, dropout=0.0, variant=variant), seed=0)
    move_away(base)
    gradients = []
    for _ in range(2):
        base.model.train()
        accumulate_gradient(base.model, rows, memory=MemoryPlan(micro_tokens=1), step=1, seed=0)
        gradients.append({name: t.grad for name, t in adapter_tensors(base.model).items()})
        base.model.zero_grad(set_to_none=True)
        base.model.eval()
        logits(base.model)
        with torch.no_grad():
            base.model(input_ids=TOKENS[:1, :1])
    before, after = gradients
    assert all(gradient is not None and gradient.any() for gradient in before.values())
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("quantization", KINDS)
def test_training_in_low_precision_gives_gradients_in_fp32(mistral, quantization):
    base = loaded(mistral, quantization, "bf16")
    new_adapter(base, LoraSection(rank=4), seed=0)
    accumulate_gradient(
        base.model.train(), random_rows(2), memory=MemoryPlan(micro_tokens=100), step=1, seed=0
    )
    assert {t.grad.dtype for t in adapter_tensors(base.model).values()} == {torch.float32}


@pytest.mark.parametrize("used", [False, True])
def test_the_unpacked_weight_is_that_of_bitsandbytes(mistral, used):
    for quantization in KINDS:
        base = loaded(mistral, quantization)
        if used:
            logits(base.model)
        layer = next(m for m in base.model.modules() if isinstance(m, KINDS[quantization]))
        if quantization == "int8":
            scales = layer.state.SCB if layer.state.SCB is not None else layer.weight.SCB
            theirs = int8_vectorwise_dequant(layer.weight.data, scales)
        else:
            theirs = dequantize_4bit(layer.weight.data, layer.weight.quant_state)
        torch.testing.assert_close(dense_weight(layer), theirs, rtol=1e-6, atol=0)


def test_int8_evaluation_stays_near_the_unquantised_model(mistral):
    plain, packed = (logits(loaded(mistral, quantization).model) for quantization in ("none", "int8"))
    assert float((packed - plain).norm() / plain.norm()) < 0.1


def test_a_layer_that_was_left_out_is_seen(mistral):
    model = loaded(mistral, "int8").model
    model.model.layers[1].mlp.up_proj = nn.Linear(64, 128, bias=False)
    assert weights_quantization(model) == "int8+none"


def test_experts_that_cannot_be_packed_are_not_passed_off_as_packed(tmp_path):
    folder = write_random_base(tmp_path, "mixtral")
    assert loaded(folder, "none").facts["quantization"]["got"] == "none"
    with pytest.raises(ModelError, match=r"quantization 'int8\+none', although 'int8' was asked for"):
        loaded(folder, "int8")


def test_a_quantised_head_is_refused():
    model = tiny_llama()
    model.lm_head = Linear8bitLt(32, 97, bias=False)
    with pytest.raises(ModelError, match=r"output layer .* is quantised"):
        check_head(model)
