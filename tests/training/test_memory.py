"""How much goes through the model at once, and whether activations are recomputed."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from accelerate import cpu_offload
from transformers import GPT2Config, GPT2LMHeadModel

from medadapt.core.errors import ModelError
from medadapt.core.recipe import TrainingSection
from medadapt.models.forward import final_hidden
from medadapt.models.lora import adapter_tensors, attach_lora
from medadapt.models.short_attention import plain_for_short_rows
from medadapt.models.targets import resolve_targets
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import (
    MemoryPlan,
    activation_bytes,
    attention_bytes,
    halved,
    largest_share,
    plan_memory,
    recompute_activations,
)
from tiny import random_rows, tiny_jetmoe, tiny_llama, tiny_opt

GIB = 1 << 30


@pytest.fixture(scope="module")
def model():
    model = tiny_llama()
    attach_lora(model, resolve_targets(model, "all-linear"), rank=4, alpha=8, dropout=0.0, seed=0)
    return model


def plan(model, *, total_memory: int, longest: int = 100, **training) -> MemoryPlan:
    return plan_memory(
        model, TrainingSection(**training), longest=longest, total_memory=total_memory, is_packed=False
    )


def room_for(model, tokens: int, *, longest: int) -> int:
    """A total memory in which the activations of so many tokens fit, and of no token more."""
    per_token = activation_bytes(model, checkpointing=False)
    per_token += attention_bytes(model, "cpu", longest=longest, checkpointing=False)
    weights = sum(p.numel() * p.element_size() for p in model.parameters())
    return math.ceil(weights + tokens * per_token / 0.35)


def test_rows_that_are_packed_have_no_padding_to_bound(model):
    bounds = [
        plan_memory(model, TrainingSection(), longest=9, total_memory=GIB, is_packed=packed).padding
        for packed in (False, True)
    ]
    assert bounds == [128, None]


def test_more_memory_takes_more_tokens_up_to_what_gains_speed(model):
    budgets = [
        plan(model, total_memory=size).micro_tokens for size in (GIB // 1000, GIB // 500, GIB, 8 * GIB)
    ]
    assert budgets[0] < budgets[1] < budgets[2] == budgets[3] == 4096


def test_layers_whose_mlps_differ_in_width_are_all_counted(model):
    config = copy.deepcopy(model.config)
    widths = [config.intermediate_size * layer for layer in range(100, 100 + config.num_hidden_layers)]
    uneven, even = copy.copy(model), copy.copy(model)
    uneven.config, even.config = copy.deepcopy(config), config
    uneven.config.__dict__["intermediate_size"] = widths  # as Gemma 3n has it
    even.config.__dict__["intermediate_size"] = sum(widths) // len(widths)
    found = [activation_bytes(one, checkpointing=False) for one in (uneven, even)]
    assert found[0] == pytest.approx(found[1])


def test_a_number_of_tokens_is_taken_as_it_is(model):
    assert plan(model, total_memory=GIB, micro_tokens=7).micro_tokens == 7


def test_activations_are_recomputed_where_the_longest_row_would_not_fit_otherwise(model):
    for_half_a_row = room_for(model, 50, longest=100)
    assert plan(model, total_memory=for_half_a_row).checkpointing
    assert not plan(model, total_memory=for_half_a_row, longest=20).checkpointing


def test_micro_batches_that_fit_keep_their_activations_where_a_longer_row_does_not(model):
    found = plan(model, total_memory=room_for(model, 400, longest=500), longest=500)
    assert (found.checkpointing, found.plain_tokens, found.micro_tokens) == (True, 400, 400)


@pytest.mark.parametrize(
    ("fits", "training"), [(100, {}), (400, {"checkpointing": "on"}), (400, {"backend": "trl"})]
)
def test_all_are_recomputed_where_few_tokens_fit_or_it_is_asked_for_or_trl_trains(fits, training, model):
    found = plan(model, total_memory=room_for(model, fits, longest=500), longest=500, **training)
    assert (found.checkpointing, found.plain_tokens) == (True, 0)
    assert found.micro_tokens > fits


@pytest.mark.parametrize(("asked", "got"), [("on", True), ("off", False)])
def test_recomputing_can_be_switched_whatever_fits(asked, got, model):
    assert plan(model, total_memory=8 * GIB, checkpointing=asked).checkpointing is got
    assert plan(model, total_memory=GIB // 1000, longest=10_000, checkpointing=asked).checkpointing is got


def test_recomputing_makes_room_for_more_tokens(model):
    assert activation_bytes(model, checkpointing=True) < activation_bytes(model, checkpointing=False) / 1.5


def tiny_gpt2():
    """A GELU of several operations, each of which keeps its result, and no `intermediate_size`."""
    quiet = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, **quiet)).eval()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
@pytest.mark.parametrize("targets", ["all-linear", "attention"])
@pytest.mark.parametrize("build", [tiny_llama, tiny_opt, tiny_gpt2])
def test_what_is_kept_for_the_backward_pass_is_no_more_than_planned_and_a_quarter_of_it_at_least(
    build, targets, dropout
):
    model = build()
    attach_lora(model, resolve_targets(model, targets), rank=4, alpha=8, dropout=dropout, seed=0)
    tokens_BT = torch.arange(3, 67).repeat(4, 1)
    of_model = {one.untyped_storage().data_ptr() for one in (*model.parameters(), *model.buffers())}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in of_model:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with plain_for_short_rows(model), torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        states = final_hidden(model.train(), tokens_BT)
    assert states.requires_grad  # and with it all that was kept is there still, each at a place of its own
    planned = activation_bytes(model, checkpointing=False)
    planned += attention_bytes(model, "cpu", longest=64, checkpointing=False)
    assert sum(kept.values()) <= planned * tokens_BT.numel() <= 4 * sum(kept.values())


def test_attention_weights_are_counted_as_far_as_rows_are_short_enough_for_plain_products(model):
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads

    def kept(kind: str, longest: int, *, checkpointing: bool = False) -> float:
        return attention_bytes(model, kind, longest=longest, checkpointing=checkpointing)

    assert kept("cpu", 100) == 4 * layers * heads * 100
    assert kept("cpu", 100, checkpointing=True) == 4 * heads * 100
    assert kept("cpu", 5000) == kept("cpu", 384)
    assert kept("cuda", 100) == 0


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_without_fused_attention_its_weights_are_counted_on_every_device(kind):
    model = tiny_llama()
    model.set_attn_implementation("eager")
    layers, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    assert attention_bytes(model, kind, longest=5000, checkpointing=False) == 10 * layers * heads * 5000
    assert attention_bytes(model, kind, longest=5000, checkpointing=True) == 10 * heads * 5000


def test_activations_are_recomputed_where_weights_only_visit_the_gpu(model, monkeypatch):
    assert not plan(model, total_memory=8 * GIB).checkpointing
    places = {"model.embed_tokens": 0, "model.layers.0": 0, "model.layers.1": "cpu"}
    monkeypatch.setattr(model, "hf_device_map", places, raising=False)
    assert plan(model, total_memory=8 * GIB).checkpointing
    assert not plan(model, total_memory=8 * GIB, checkpointing="off").checkpointing
    monkeypatch.setattr(model, "hf_device_map", {"": "cpu"})  # nothing visits anything
    assert not plan(model, total_memory=8 * GIB).checkpointing


def test_recomputing_leaves_no_weight_where_it_only_visits():
    """Also not of a layer's last matrix, where it carries no adapter."""
    model = tiny_llama()
    cpu_offload(model.model.layers, execution_device=torch.device("cpu"))
    model.hf_device_map = {"model.embed_tokens": 0, "model.layers": "cpu"}
    attach_lora(model, resolve_targets(model, "attention"), rank=4, alpha=8, dropout=0.0, seed=0)
    recompute_activations(model.train())
    accumulate_gradient(model, random_rows(3), memory=MemoryPlan(micro_tokens=50), step=1, seed=0)
    frozen = {name: w.device.type for name, w in model.model.layers.named_parameters() if not w.requires_grad}
    assert {name for name, place in frozen.items() if place != "meta"} == set()
    assert all(weight.grad.any() for name, weight in adapter_tensors(model).items() if "lora_B" in name)


@pytest.fixture(scope="module")
def without_recomputing():
    model = tiny_jetmoe()
    attach_lora(model, resolve_targets(model, ("kv_proj",)), rank=4, alpha=8, dropout=0.0, seed=0)
    return model


def test_activations_are_not_recomputed_by_an_architecture_that_cannot(without_recomputing):
    assert not plan(without_recomputing, total_memory=GIB // 1000, longest=10_000).checkpointing


def test_recomputing_that_is_asked_of_an_architecture_that_cannot_is_refused(without_recomputing):
    with pytest.raises(ModelError, match="JetMoeForCausalLM cannot recompute") as caught:
        plan(without_recomputing, total_memory=8 * GIB, checkpointing="on")
    assert caught.value.remedy == "Use training.checkpointing: off."


def test_weights_that_lie_elsewhere_leave_the_device_its_room():
    whole = tiny_llama()
    here = largest_share(whole, "cpu")
    whole.model.layers[1].to("meta")  # as offloaded layers look to the device that computes
    moved = sum(p.numel() * p.element_size() for p in whole.model.layers[1].parameters())

    assert largest_share(whole, "cpu") == here - moved
    assert largest_share(whole, "cuda") == 0


def test_a_budget_that_was_too_much_is_cut_in_half_of_what_was_tried():
    whole = MemoryPlan(micro_tokens=4096, checkpointing=True)
    assert halved(whole, tried_tokens=300) == MemoryPlan(micro_tokens=150, checkpointing=True)
    with pytest.raises(ModelError, match="One example alone"):
        halved(whole, tried_tokens=0)
