"""A merged model against its base with the adapter on it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.integrations.bitnet import AutoBitLinear
from transformers.models.falcon.modeling_falcon import FalconLinear

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import new_adapter
from medadapt.models.loading import load_base
from medadapt.models.lora import lora_layers
from medadapt.models.merging import merge_adapter, merge_where_exact
from random_models import logits, move_away, write_random_base


def adapted(
    folder, *, precision="fp32", variant="lora", quantization="none", targets="all-linear", kind=None
):
    """The base with an adapter on it; its layers are of `kind` where that is given."""
    section = ModelSection(base=str(folder), precision=precision, quantization=quantization)
    base = load_base(section, device="cpu")
    if kind is not None:
        put_layers(base.model, kind)
    new_adapter(base, LoraSection(rank=4, variant=variant, targets=targets), seed=0)
    move_away(base)
    return base


def put_layers(model, kind):
    """Layers of this kind, with the same weights, in place of the linear layers of a decoder."""
    plain = [
        (name, layer) for name, layer in model.base_model.named_modules() if isinstance(layer, nn.Linear)
    ]
    for name, layer in plain:
        other = kind(layer.in_features, layer.out_features, bias=False)
        other.weight = layer.weight
        model.base_model.set_submodule(name, other)


def rounding(*sizes, **settings):
    """A layer as in BitNet that is trained: it rounds its weights to three values whenever it computes."""
    return AutoBitLinear(*sizes, online_quant=True, **settings)


@pytest.fixture
def uncompiled():
    """BitNet compiles the functions that round."""
    with torch.compiler.set_stance("force_eager"):
        yield


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "biogpt"])
def test_merged_weights_give_the_logits_of_base_and_adapter(model_type, variant, tmp_path):
    base = adapted(write_random_base(tmp_path / "base", model_type), variant=variant)
    with_adapter = logits(base.model)

    merge_adapter(base)

    assert not any(lora_layers(base.model))
    torch.testing.assert_close(logits(base.model), with_adapter, rtol=1e-5, atol=1e-5)


def test_a_merged_model_is_saved_and_loaded_as_any_other(tmp_path):
    base = adapted(write_random_base(tmp_path / "base", "gpt2"), variant="dora")
    merge_adapter(base)
    base.model.save_pretrained(tmp_path / "merged")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()
    torch.testing.assert_close(logits(again), logits(base.model), rtol=0, atol=0)


def test_in_bf16_the_sum_is_rounded_once(tmp_path):
    base = adapted(write_random_base(tmp_path / "base", "llama"), precision="bf16")
    name, layer = next(lora_layers(base.model))
    exact = layer.base.weight.double() + layer.scale * (layer.lora_B.double() @ layer.lora_A.double())
    merge_adapter(base)
    assert torch.equal(base.model.get_submodule(name).weight, exact.float().bfloat16())


@pytest.mark.parametrize("quantization", ["int8", "nf4"])
def test_quantised_weights_are_not_merged_into(quantization, tmp_path):
    base = adapted(write_random_base(tmp_path / "base", "llama"), quantization=quantization)
    with pytest.raises(ModelError, match="quantised weights") as caught:
        merge_adapter(base)
    assert "model.quantization: none" in caught.value.remedy


def test_a_base_without_an_adapter_is_told(tmp_path):
    section = ModelSection(base=str(write_random_base(tmp_path, "llama")))
    with pytest.raises(ModelError, match="carries no adapter"):
        merge_adapter(load_base(section, device="cpu"))


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora"])
def test_for_an_evaluation_in_fp32_the_adapter_goes_into_the_weights(variant, tmp_path):
    base = adapted(write_random_base(tmp_path / "base", "llama"), variant=variant)
    with_adapter = logits(base.model)

    assert merge_where_exact(base)

    assert not any(lora_layers(base.model))
    torch.testing.assert_close(logits(base.model), with_adapter, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("precision", "quantization"), [("bf16", "none"), ("fp32", "int8"), ("fp32", "nf4"), ("bf16", "nf4")]
)
def test_where_a_sum_would_lose_something_the_adapter_stays_apart(precision, quantization, tmp_path):
    folder = write_random_base(tmp_path / "base", "llama")
    base = adapted(folder, precision=precision, quantization=quantization)
    before = logits(base.model)

    assert not merge_where_exact(base)

    assert any(lora_layers(base.model))
    torch.testing.assert_close(logits(base.model), before, rtol=0, atol=0)


def test_a_base_without_an_adapter_stays_as_it_is(tmp_path):
    section = ModelSection(base=str(write_random_base(tmp_path, "llama")), precision="fp32")
    assert not merge_where_exact(load_base(section, device="cpu"))


def test_layers_that_round_their_weights_are_not_merged_into(tmp_path, uncompiled):
    base = adapted(write_random_base(tmp_path, "llama"), kind=rounding)
    before = logits(base.model)

    assert not merge_where_exact(base)
    with pytest.raises(ModelError, match="AutoBitLinear"):
        merge_adapter(base)

    torch.testing.assert_close(logits(base.model), before, rtol=0, atol=0)


def test_another_class_that_multiplies_as_usual_is_merged_into(tmp_path):
    base = adapted(write_random_base(tmp_path, "llama"), kind=FalconLinear)
    before = logits(base.model)

    assert merge_where_exact(base)

    torch.testing.assert_close(logits(base.model), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("targets", ["attention", ("0.shared_transf.self_attn.q_proj",)])
def test_weights_that_another_layer_has_too_are_not_merged_into(targets, tmp_path):
    base = adapted(write_random_base(tmp_path, "zamba"), targets=targets)
    before = logits(base.model)

    assert not merge_where_exact(base)
    with pytest.raises(ModelError, match="another layer has the same weights"):
        merge_adapter(base)

    torch.testing.assert_close(logits(base.model), before, rtol=0, atol=0)


def test_layers_of_a_base_with_shared_weights_that_are_not_shared_are_merged_into(tmp_path):
    base = adapted(write_random_base(tmp_path, "zamba"), targets=("in_proj",))
    before = logits(base.model)

    assert merge_where_exact(base)

    torch.testing.assert_close(logits(base.model), before, rtol=1e-5, atol=1e-5)
