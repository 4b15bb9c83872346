"""Plain products for short rows: the same numbers as the fused kernel's, only where they are meant."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from medadapt.models import short_attention
from medadapt.models.forward import final_hidden
from medadapt.models.short_attention import plain_for_short_rows
from medadapt.models.smoke_base import byte_tokenizer
from medadapt.models.tiny_config import tiny_config
from random_models import ARCHITECTURES


def fused(model_type: str):
    """A tiny model in double precision whose attention is torch's fused kernel."""
    config = tiny_config(model_type, vocabulary_size=200, tokenizer=byte_tokenizer())
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float64, attn_implementation="sdpa")
    return model.eval()


def rows(length: int):
    return torch.randint(3, 200, (3, length), generator=torch.Generator().manual_seed(1))


def states_and_gradient(model, tokens_BT):
    model.zero_grad()
    hidden_BTH = final_hidden(model, tokens_BT)
    hidden_BTH.square().sum().backward()
    return hidden_BTH.detach(), [w.grad.clone() for w in model.base_model.parameters() if w.grad is not None]


@pytest.mark.parametrize("model_type", [name for name in ARCHITECTURES if name != "gemma2"])
def test_states_and_gradients_are_those_of_the_fused_kernel(model_type, monkeypatch):
    model, used = fused(model_type), []
    plain = short_attention.causal_mask
    monkeypatch.setattr(short_attention, "causal_mask", lambda *some: used.append(some) or plain(*some))
    own = states_and_gradient(model, rows(9))
    assert not used
    with plain_for_short_rows(model):
        ours = states_and_gradient(model, rows(9))
    assert len(used) == model.config.num_hidden_layers
    torch.testing.assert_close(ours[0], own[0], rtol=1e-10, atol=1e-12)
    assert len(ours[1]) == len(own[1]) > 0
    for our, their in zip(ours[1], own[1], strict=True):
        assert (our - their).norm() <= 1e-10 * their.norm() + 1e-12


def test_longer_rows_and_rows_with_a_mask_stay_with_the_kernel(monkeypatch):
    model = fused("opt")
    monkeypatch.setattr(short_attention, "causal_mask", lambda *_: pytest.fail("plain products"))
    monkeypatch.setattr(short_attention, "LONGEST", 8)
    with plain_for_short_rows(model):
        final_hidden(model, rows(9))
        mask_BT = torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]])
        model(input_ids=rows(4), attention_mask=mask_BT)


def test_the_models_own_attention_is_back_afterwards_also_after_an_error():
    model = fused("gpt2")
    with pytest.raises(IndexError), plain_for_short_rows(model):
        final_hidden(model, torch.tensor([[model.config.vocab_size]]))
    assert model.config._attn_implementation == "sdpa"


def test_a_model_with_another_attention_is_left_alone():
    config = tiny_config("gpt2", vocabulary_size=200, tokenizer=byte_tokenizer())
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with plain_for_short_rows(model):
        assert model.config._attn_implementation == "eager"
