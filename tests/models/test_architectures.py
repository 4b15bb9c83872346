"""Our LoRA layers against plain PEFT, for every architecture and every variant."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import int8_vectorwise_dequant
from bitsandbytes.nn import Linear8bitLt
from peft import PeftModel

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import load_adapter, new_adapter
from medadapt.models.loading import LoadedBase, load_base
from medadapt.models.lora import adapter_tensors, lora_layers
from medadapt.models.targets import resolve_targets
from random_models import ARCHITECTURES, TOKENS, logits, saved_adapter, wide_base, write_random_base

VARIANTS = ("lora", "rslora", "dora")
LAYERS = {
    "gpt2": {"c_attn", "c_fc", "c_proj"},
    "gpt_neox": {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"},
    "phi": {"q_proj", "k_proj", "v_proj", "dense", "fc1", "fc2"},
    "phi3": {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"},
    "qwen3": {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
    "gemma": {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"},
}


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Architecture -> folder of a random base, made when it is first asked for."""
    folders: dict[str, Path] = {}

    def folder(model_type: str) -> Path:
        if model_type not in folders:
            folders[model_type] = write_random_base(tmp_path_factory.mktemp(model_type), model_type)
        return folders[model_type]

    return folder


def peft_twin(base_folder: Path, adapter: Path) -> PeftModel:
    """The same base and adapter in plain PEFT, in double precision; it may not have to warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # PEFT itself calls what transformers deprecates
        model = PeftModel.from_pretrained(
            wide_base(base_folder).model, adapter, is_trainable=True, autocast_adapter_dtype=False
        )
    return model.train()


def gradients(model, named) -> dict[str, torch.Tensor]:
    model(input_ids=TOKENS).logits.pow(2).mean().backward()
    return {name: parameter.grad for name, parameter in named.items()}


def as_on_disk(model: PeftModel) -> dict[str, torch.nn.Parameter]:
    trained = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    return {n.replace("magnitude_vector.weight", "magnitude_vector"): p for n, p in trained.items()}


@pytest.mark.parametrize("model_type", LAYERS)
def test_all_linear_means_the_decoders_linear_layers(bases, model_type):
    names = resolve_targets(wide_base(bases(model_type)).model, "all-linear")
    assert {name.rpartition(".")[2] for name in names} == LAYERS[model_type]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_logits_and_gradients_equal_those_of_plain_peft(bases, model_type, variant, tmp_path):
    ours = wide_base(bases(model_type))
    lora = LoraSection(rank=4, alpha=6, dropout=0.0, variant=variant)
    theirs = peft_twin(bases(model_type), saved_adapter(ours, lora, tmp_path))
    torch.testing.assert_close(logits(ours.model), logits(theirs), rtol=1e-10, atol=1e-10)
    mine = gradients(ours.model.train(), adapter_tensors(ours.model))
    other = gradients(theirs, as_on_disk(theirs))
    assert set(mine) == set(other)
    for name, gradient in other.items():
        assert float((mine[name] - gradient).norm()) <= 1e-10 * float(gradient.norm()), name


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "opt"])
def test_an_adapter_of_plain_peft_gives_the_same_logits_here(bases, model_type, variant, tmp_path):
    theirs = peft_twin(
        bases(model_type),
        saved_adapter(wide_base(bases(model_type)), LoraSection(rank=3, variant=variant), tmp_path),
    )
    theirs.save_pretrained(tmp_path / "peft")
    ours = load_adapter(wide_base(bases(model_type)), tmp_path / "peft")
    # Our adapters are kept in single precision.
    torch.testing.assert_close(logits(ours.model), logits(theirs.eval()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_the_named_layers_carry_the_adapter(bases, variant, tmp_path):
    ours = wide_base(bases("llama"))
    lora = LoraSection(rank=4, targets=("q_proj", "v_proj"), variant=variant)
    theirs = peft_twin(bases("llama"), saved_adapter(ours, lora, tmp_path))
    assert {name.rpartition(".")[2] for name, _ in lora_layers(ours.model)} == {"q_proj", "v_proj"}
    torch.testing.assert_close(logits(ours.model), logits(theirs.eval()), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("quantization", ["none", "int8", "nf4"])
def test_peft_is_told_that_gpt2_keeps_its_weights_the_other_way_round(bases, quantization, tmp_path):
    section = ModelSection(base=str(bases("gpt2")), quantization=quantization, precision="fp32")
    saved_adapter(load_base(section, device="cpu"), LoraSection(rank=4), tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["fan_in_fan_out"] is True


def unpack(model) -> None:
    """Replace every int8 layer by a plain one with the weights that bitsandbytes reads from it."""
    packed = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, Linear8bitLt)]
    for name, layer in packed:
        plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
        plain.weight.data = int8_vectorwise_dequant(layer.weight.data, layer.state.SCB)
        if layer.bias is not None:
            plain.bias.data = layer.bias.data
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, plain)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("quantization", ["int8", "nf4"])
@pytest.mark.parametrize("model_type", ["mistral", "gpt2"])
def test_a_quantised_base_with_the_adapter_equals_plain_peft(
    bases, model_type, quantization, variant, tmp_path
):
    section = ModelSection(base=str(bases(model_type)), quantization=quantization, precision="fp32")
    ours = load_base(section, device="cpu")
    saved_adapter(ours, LoraSection(rank=4, dropout=0.0, variant=variant), tmp_path)
    base = load_base(section, device="cpu").model
    if (quantization, variant) == ("int8", "dora"):
        unpack(base)  # PEFT's own way of reading the weights breaks int8 layers on a CPU
    theirs = PeftModel.from_pretrained(base, tmp_path, is_trainable=True)
    # In training mode both unpack the weights; int8 evaluation would round the activations too.
    mine = gradients(ours.model.train(), adapter_tensors(ours.model))
    other = gradients(theirs.train(), as_on_disk(theirs))
    assert set(mine) == set(other)
    for name, gradient in other.items():
        assert float((mine[name] - gradient).norm()) <= 1e-4 * float(gradient.norm()), name


def test_layer_names_of_another_architecture_are_refused_with_the_real_ones(bases):
    asked = ("k_proj", "q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
    with pytest.raises(ModelError, match="o_proj, gate_proj, up_proj, down_proj") as caught:
        resolve_targets(wide_base(bases("opt")).model, asked)
    assert all(name in caught.value.expected for name in ("out_proj", "fc1", "fc2"))


def a_loaded(folder: Path, **values) -> LoadedBase:
    return load_base(ModelSection(base=str(folder), precision="fp32", **values), device="cpu")


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fresh_adapter_changes_nothing(bases, variant):
    base = a_loaded(bases("mistral"))
    before = logits(base.model)
    new_adapter(base, LoraSection(rank=4, variant=variant), seed=0)
    torch.testing.assert_close(logits(base.model), before, rtol=0, atol=1e-6)
