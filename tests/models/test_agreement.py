"""When two ways to the same hidden states agree."""

from __future__ import annotations

import pytest
import torch
from transformers import Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM

from medadapt.core.errors import ModelError
from medadapt.models import agreement
from medadapt.models.agreement import same_states, verify_forward
from medadapt.models.forward import final_hidden

SHAPE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 57,
}  # fmt: skip
TOKENS = torch.tensor([[1, 5, 9, 2, 7, 7, 3, 4]])


@pytest.fixture
def deep():
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE | {"num_hidden_layers": 30}, initializer_range=0.4)).eval()
    return model.requires_grad_(False)


def test_in_fp32_states_agree_to_its_digits(deep):
    own = final_hidden(deep, TOKENS)
    assert same_states(own * (1 + 5e-5), own, deep, TOKENS)
    assert not same_states(own * 1.001, own, deep, TOKENS)


class OnApplesGpu(torch.Tensor):
    """A tensor on a device without double precision."""

    def double(self):
        raise TypeError(
            "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
        )

    def cpu(self):
        return self.as_subclass(torch.Tensor)


def test_states_on_a_device_without_double_precision_are_compared(deep):
    own = final_hidden(deep, TOKENS)
    ours = own * (1 + 5e-5)
    assert same_states(ours.as_subclass(OnApplesGpu), own.as_subclass(OnApplesGpu), deep, TOKENS)


def test_in_16_bits_a_deep_model_may_differ_as_far_as_rounding_moves_it(deep):
    model = deep.to(torch.bfloat16)
    own = final_hidden(model, TOKENS)
    wide = final_hidden(deep.float(), TOKENS).to(torch.bfloat16)
    model = deep.to(torch.bfloat16)
    apart = float((wide.double() - own.double()).norm() / own.double().norm())
    assert apart > agreement.SAME_IN_16_BITS
    assert same_states(wide, own, model, TOKENS)


def test_in_16_bits_another_context_is_told_from_rounding(deep):
    model = deep.to(torch.bfloat16)
    own = final_hidden(model, TOKENS)
    mistaken = final_hidden(model, torch.tensor([[1, 6, 9, 2, 7, 7, 3, 4]]))
    assert not same_states(mistaken[:, 2:], own[:, 2:], model, TOKENS)


def test_in_16_bits_a_shallow_model_may_not(deep):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE)).to(torch.bfloat16).eval()
    own = final_hidden(model, TOKENS).detach()
    assert not same_states(own * 1.05, own, model, TOKENS)


@pytest.mark.parametrize(
    ("kind", "config", "ahead"),
    [
        (LlamaForCausalLM, LlamaConfig, {"is_causal": False}),
        (Gemma3ForCausalLM, Gemma3TextConfig, {"use_bidirectional_attention": True}),
    ],
)
def test_a_base_that_looks_ahead_is_refused(kind, config, ahead):
    torch.manual_seed(0)
    verify_forward(kind(config(**SHAPE)).eval())
    with pytest.raises(ModelError, match="looks ahead"):
        verify_forward(kind(config(**SHAPE, **ahead)).eval())
