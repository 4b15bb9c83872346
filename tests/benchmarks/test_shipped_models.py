"""The configurations that the benchmarks ship are those of the models they are named after."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.workloads import MODELS
from roof import layer_shapes
from training_peers import MODELS as NAMES

PARAMETERS = {
    "llama-42m": 41_689_600,
    "llama-135m": 134_515_008,
    "qwen2.5-0.5b": 494_032_768,
    "biogpt": 346_763_264,
    "llama-3.2-1b": 1_235_814_400,
    "opt-1.3b": 1_315_758_080,
    "llama-3.1-8b": 8_030_261_248,
}
"""As their publishers count them; llama-42m is a shape of this project's own."""


def test_every_name_of_the_plan_has_a_configuration():
    assert {path.stem for path in MODELS.glob("*.json")} == set(NAMES) == set(PARAMETERS)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_has_the_parameters_and_products_of_its_model(name):
    shape = json.loads((MODELS / f"{name}.json").read_text(encoding="utf-8"))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape))
    assert model.num_parameters() == PARAMETERS[name]
    layer = model.base_model.layers[0] if hasattr(model.base_model, "layers") else None
    layer = layer or model.base_model.decoder.layers[0]
    found = [(part.in_features, part.out_features) for part in layer.modules() if isinstance(part, nn.Linear)]
    assert sorted(found) == sorted(layer_shapes(shape))
