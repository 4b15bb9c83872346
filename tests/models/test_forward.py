"""Logits in pieces, and when two ways to the same hidden states agree."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PhiForCausalLM,
)

from medadapt.models import forward
from medadapt.models.forward import final_hidden, same_states, vocabulary_logits, vocabulary_pieces

SHAPE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 57,
}  # fmt: skip
TOKENS = torch.tensor([[1, 5, 9, 2, 7, 7, 3, 4]])
HEADS = {
    "plain": lambda: LlamaForCausalLM(LlamaConfig(**SHAPE, initializer_range=0.3)),
    "bias": lambda: PhiForCausalLM(PhiConfig(**SHAPE, initializer_range=0.3)),
    "capped": lambda: Gemma2ForCausalLM(Gemma2Config(**SHAPE, head_dim=8, initializer_range=0.3)),
}


@pytest.mark.parametrize("width", [8, 57, 100])
@pytest.mark.parametrize("head", HEADS)
def test_pieces_of_the_vocabulary_are_its_logits(head, width, monkeypatch):
    monkeypatch.setattr(forward, "PIECE", width)
    torch.manual_seed(0)
    model = HEADS[head]().eval()
    hidden_NH = torch.randn(5, 32)
    with torch.no_grad():
        starts, pieces = zip(*vocabulary_pieces(model, hidden_NH), strict=True)
        whole = vocabulary_logits(model, hidden_NH)
    assert list(starts) == list(range(0, 57, width))
    assert torch.allclose(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-5)


def test_a_head_that_is_more_than_a_matrix_gives_one_piece(monkeypatch):
    monkeypatch.setattr(forward, "PIECE", 8)
    model = HEADS["plain"]()
    model.set_output_embeddings(torch.nn.Sequential(model.get_output_embeddings()))
    ((start, logits),) = vocabulary_pieces(model, torch.randn(5, 32))
    assert (start, logits.shape) == (0, (5, 57))


@pytest.fixture
def deep():
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE | {"num_hidden_layers": 30}, initializer_range=0.4)).eval()
    return model.requires_grad_(False)


def test_in_fp32_states_agree_to_its_digits(deep):
    own = final_hidden(deep, TOKENS)
    assert same_states(own * (1 + 5e-5), own, deep, TOKENS)
    assert not same_states(own * 1.001, own, deep, TOKENS)


def test_in_16_bits_a_deep_model_may_differ_as_far_as_rounding_moves_it(deep):
    model = deep.to(torch.bfloat16)
    own = final_hidden(model, TOKENS)
    wide = final_hidden(deep.float(), TOKENS).to(torch.bfloat16)
    model = deep.to(torch.bfloat16)
    apart = float((wide.double() - own.double()).norm() / own.double().norm())
    assert apart > forward.SAME_IN_16_BITS
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
