"""Which modules count as linear layers."""

from __future__ import annotations

import pytest
from torch import nn
from transformers import AutoModelForCausalLM
from transformers.models.falcon.modeling_falcon import FalconLinear

from medadapt.models.linear import is_linear
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.targets import resolve_targets, short_names
from medadapt.models.tiny_config import tiny_config


class Router(nn.Linear):
    """As those of Phi-3.5-MoE and Llama 4."""

    def forward(self, x):
        scores = super().forward(x)
        return scores, scores.argmax(-1)


class Renamed(nn.Linear):
    """Computes as `nn.Linear` does."""


def test_a_router_that_returns_several_tensors_is_no_linear_layer():
    assert not is_linear(Router(4, 2))


@pytest.mark.parametrize("kind", [nn.Linear, Renamed, FalconLinear])
def test_kinds_that_return_one_tensor_are_linear_layers(kind):
    assert is_linear(kind(4, 2))


def test_the_router_of_phi_moe_gets_no_adapter():
    tokenizer = byte_tokenizer()
    model = AutoModelForCausalLM.from_config(
        tiny_config("phimoe", vocabulary_size=len(tokenizer), tokenizer=tokenizer)
    )
    assert short_names(resolve_targets(model, "all-linear")) == ["k_proj", "o_proj", "q_proj", "v_proj"]
