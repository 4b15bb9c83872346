"""Layers that the module around them does not call get no adapter; the others train as in plain PEFT."""

from __future__ import annotations

import pytest
import torch
from peft import PeftModel

from medadapt.core.errors import ModelError
from medadapt.core.recipe import LoraSection, ModelSection
from medadapt.models.adapter import new_adapter
from medadapt.models.blank import blank_model
from medadapt.models.bypassed import bypassed_layers
from medadapt.models.loading import load_base
from medadapt.models.lora import adapter_tensors
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.targets import resolve_targets, short_names
from medadapt.models.tiny_config import tiny_config
from random_models import TOKENS, logits, saved_adapter, write_random_base

BYPASSED = {
    "mamba": ["dt_proj", "out_proj", "x_proj"],
    "falcon_mamba": ["dt_proj", "out_proj", "x_proj"],
    "mamba2": ["out_proj"],
    "bamba": ["out_proj"],
    "falcon_h1": ["out_proj"],
    "granitemoehybrid": ["out_proj"],
    "nemotron_h": ["out_proj"],
    "zamba2": ["out_proj"],
    "jamba": ["dt_proj"],
    "zamba": [],
    "qwen3_next": [],
    "gemma3n_text": ["correction_coefs", "prediction_coefs"],
    "longcat_flash": ["classifier"],
    "bloom": [],
    "opt": [],
}
TRAINED = ("mamba2", "jamba", "granitemoehybrid")


def loaded(folder):
    return load_base(ModelSection(base=str(folder), precision="fp32"), device="cpu")


@pytest.mark.parametrize("model_type", BYPASSED)
def test_only_layers_that_are_not_called_on_every_path_are_left_out(model_type):
    config = tiny_config(model_type, vocabulary_size=258, tokenizer=byte_tokenizer())
    with torch.device("meta"):
        model = blank_model(config)
    linear = {name for name, layer in model.named_modules() if isinstance(layer, torch.nn.Linear)}
    bypassed = [name for name in linear if name in bypassed_layers(model)]
    assert short_names(bypassed) == BYPASSED[model_type]
    assert not set(bypassed) & set(resolve_targets(model, "all-linear"))


@pytest.mark.parametrize("asked", ["out_proj", "mixer.out_proj"])
def test_a_layer_that_is_not_called_is_refused_by_name(asked, tmp_path):
    base = loaded(write_random_base(tmp_path, "mamba2"))
    with pytest.raises(ModelError, match=r"names out_proj: Mamba2ForCausalLM reads the weights of"):
        resolve_targets(base.model, ("in_proj", asked))


def gradients(model, named):
    model.train()(input_ids=TOKENS, use_cache=False).logits.pow(2).mean().backward()
    return {name: tensor.grad for name, tensor in named.items()}


@pytest.mark.parametrize("model_type", TRAINED)
def test_logits_and_gradients_equal_those_of_plain_peft(model_type, tmp_path):
    folder = write_random_base(tmp_path / "base", model_type)
    ours, plain = loaded(folder), loaded(folder)
    adapter = saved_adapter(ours, LoraSection(rank=4, dropout=0.0), tmp_path / "adapter")
    theirs = PeftModel.from_pretrained(plain.model, adapter, is_trainable=True)
    torch.testing.assert_close(logits(ours.model), logits(theirs.eval()), rtol=1e-4, atol=1e-4)

    mine = gradients(ours.model, adapter_tensors(ours.model))
    trained = {n.replace(".default", ""): p for n, p in theirs.named_parameters() if p.requires_grad}
    other = gradients(theirs, trained)
    assert set(mine) == set(other)
    for name, gradient in other.items():
        assert float((mine[name] - gradient).norm()) <= 1e-4 * float(gradient.norm()), name


def test_gemma_3n_trains_though_its_updates_clamp_weights_of_their_own(tmp_path):
    base = loaded(write_random_base(tmp_path, "gemma3n_text"))
    new_adapter(base, LoraSection(rank=4), seed=0)
    found = gradients(base.model, adapter_tensors(base.model))
    # What goes into each layer beside the hidden state begins at zero there.
    learned = {name: grad for name, grad in found.items() if "lora_B" in name and "per_layer" not in name}
    assert all(bool(grad.any()) for grad in learned.values())


def test_an_output_layer_that_a_mixer_calls_gets_an_adapter_that_acts(tmp_path):
    base = loaded(write_random_base(tmp_path, "jamba"))
    before = logits(base.model)
    new_adapter(base, LoraSection(rank=4, targets=("out_proj",)), seed=0)
    for tensor in adapter_tensors(base.model).values():
        torch.nn.init.normal_(tensor)
    assert not torch.allclose(logits(base.model), before)
