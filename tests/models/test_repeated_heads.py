"""A key head for each query head: the same numbers, without asking a kernel to share heads."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch.nn import functional

from medadapt.models import repeated_heads as module
from medadapt.models.forward import final_hidden
from medadapt.models.repeated_heads import repeated_heads, wants_repeated_heads
from medadapt.training import engine
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from medadapt.training.validation import validation_loss
from tiny import random_rows, tiny_llama, write_rows
from training.test_gradients import adapted

TOKENS = torch.randint(3, 90, (3, 9), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def asked(monkeypatch):
    """Whether each call of torch's attention was to share key heads."""
    kernel, found = functional.scaled_dot_product_attention, []

    def watched(query, key, value, *, enable_gqa=False, **options):
        found.append(enable_gqa)
        return kernel(query, key, value, enable_gqa=enable_gqa, **options)

    monkeypatch.setattr(functional, "scaled_dot_product_attention", watched)
    return found


def states_and_gradient(model):
    model.zero_grad()
    hidden_BTH = final_hidden(model, TOKENS)
    hidden_BTH.square().sum().backward()
    return [hidden_BTH.detach(), *(weight.grad.clone() for weight in model.base_model.parameters())]


def test_states_and_gradients_are_those_of_shared_heads(asked, monkeypatch):
    monkeypatch.setattr(module, "wants_repeated_heads", lambda _: True)
    model = tiny_llama(dtype=torch.float64)
    shared = states_and_gradient(model)
    assert asked == [True, True]
    with repeated_heads(model):
        repeated = states_and_gradient(model)
    assert asked == [True, True, False, False]
    for ours, theirs in zip(repeated, shared, strict=True):
        assert (ours - theirs).norm() <= 1e-12 * theirs.norm()
    assert model.config._attn_implementation == "sdpa"


def test_a_row_with_a_mask_has_the_states_of_shared_heads(asked, monkeypatch):
    monkeypatch.setattr(module, "wants_repeated_heads", lambda _: True)
    model, mask_BT = tiny_llama(dtype=torch.float64), torch.ones_like(TOKENS)
    mask_BT[0, :4] = 0
    with torch.no_grad():
        shared = model(input_ids=TOKENS, attention_mask=mask_BT).logits
        with repeated_heads(model):
            repeated = model(input_ids=TOKENS, attention_mask=mask_BT).logits
    assert torch.allclose(repeated, shared, rtol=0, atol=1e-12)
    assert asked


@pytest.mark.parametrize(
    ("capability", "wanted"), [((7, 0), True), ((7, 5), True), ((8, 0), False), ((9, 0), False)]
)
def test_heads_are_repeated_on_gpus_that_cannot_share_them(capability, wanted, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert wants_repeated_heads(torch.device("cuda")) is wanted


def test_training_and_validation_through_a_models_own_layers_share_no_heads_there(
    asked, monkeypatch, tmp_path
):
    monkeypatch.setattr(module, "wants_repeated_heads", lambda _: True)
    monkeypatch.setattr(engine, "plain_for_short_rows", nullcontext)  # as on a GPU
    model = adapted(tiny_llama, torch.float32)
    accumulate_gradient(model, random_rows(3), memory=MemoryPlan(micro_tokens=4096), step=1, seed=0)
    assert asked == [False, False]
    rows, whole = write_rows(tmp_path, random_rows(3)), MemoryPlan(micro_tokens=4096)
    validation_loss(model, rows, whole)
    assert asked == [False] * 4


def test_on_a_cpu_heads_stay_shared(asked):
    model = tiny_llama()
    with repeated_heads(model):
        final_hidden(model, TOKENS)
    assert asked == [True, True]
