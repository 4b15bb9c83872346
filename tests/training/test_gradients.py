"""The engine's gradient against plain PEFT, one unpadded example at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch.nn import functional

from medadapt.examples.masking import IGNORED
from medadapt.models.lora import adapter_tensors, attach_lora, put_adapter_tensors
from medadapt.models.targets import resolve_targets, short_names
from medadapt.training import loss as loss_module
from medadapt.training.engine import accumulate_gradient
from medadapt.training.memory import MemoryPlan
from tiny import random_rows, tiny_biogpt, tiny_llama, tiny_opt

TOLERANCE = {torch.float64: 1e-10, torch.float32: 5e-5}


def adapted(build, dtype):
    """A model with our LoRA layers, B filled so that both halves get a gradient."""
    model = build(dtype=dtype)
    attach_lora(
        model, resolve_targets(model, "all-linear"), rank=4, alpha=8, dropout=0.0, seed=0, dtype=dtype
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, tensor in adapter_tensors(model).items():
            if "lora_B" in name:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.1)
    return model.train()


def plain_nll(model, row):
    """Summed loss of one row from whole logits (transformers' own loss would round them to fp32)."""
    logits = model(input_ids=torch.tensor([row["input_ids"]])).logits[0, :-1]
    return functional.cross_entropy(
        logits, torch.tensor(row["labels"][1:]), ignore_index=IGNORED, reduction="sum"
    )


def peft_gradients(build, dtype, rows, tensors):
    """The same adapter in PEFT: whole logits, no padding, one example at a time."""
    base = build(dtype=dtype)
    targets = short_names(resolve_targets(base, "all-linear"))
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(base, config, autocast_adapter_dtype=False)
    own = {name.replace(".default", ""): p for name, p in model.named_parameters() if p.requires_grad}
    assert set(own) == set(tensors)
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.data = tensors[name].detach().clone()
    count = sum(label != IGNORED for row in rows for label in row["labels"])
    for row in rows:
        (plain_nll(model, row) / count).backward()
    return {name: parameter.grad for name, parameter in own.items()}


def largest_error(ours, theirs):
    return max(float((ours[name] - theirs[name]).norm() / theirs[name].norm()) for name in theirs)


@pytest.mark.parametrize("build", [tiny_llama, tiny_opt, tiny_biogpt])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("micro_tokens", "padding"), [(1, None), (60, None), (10_000, None), (10_000, 8)])
def test_gradient_equals_plain_peft(build, dtype, micro_tokens, padding):
    rows = random_rows(9)
    model = adapted(build, dtype)
    accumulate_gradient(
        model, rows, memory=MemoryPlan(micro_tokens=micro_tokens, padding=padding), step=1, seed=0
    )
    ours = {name: tensor.grad for name, tensor in adapter_tensors(model).items()}
    theirs = peft_gradients(build, dtype, rows, adapter_tensors(model))
    assert largest_error(ours, theirs) <= TOLERANCE[dtype]


def test_loss_equals_plain_peft_in_double_precision():
    rows = random_rows(5)
    model = adapted(tiny_llama, torch.float64)
    ours = accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=80), step=1, seed=0)
    nll = count = 0.0
    for row in rows:
        with torch.no_grad():
            nll += float(plain_nll(model, row))
        count += sum(label != IGNORED for label in row["labels"])
    assert ours == pytest.approx(nll / count, rel=1e-12)


def test_a_head_worked_off_in_pieces_gives_the_same_gradient(monkeypatch):
    rows = random_rows(9)
    whole, pieces = adapted(tiny_llama, torch.float64), adapted(tiny_llama, torch.float64)
    accumulate_gradient(whole, rows, memory=MemoryPlan(micro_tokens=500), step=1, seed=0)
    monkeypatch.setitem(loss_module.MOST_LOGITS, "cpu", 97 * 5)  # five rows of the vocabulary at a time
    accumulate_gradient(pieces, rows, memory=MemoryPlan(micro_tokens=500), step=1, seed=0)
    theirs = {name: tensor.grad for name, tensor in adapter_tensors(whole).items()}
    ours = {name: tensor.grad for name, tensor in adapter_tensors(pieces).items()}
    assert largest_error(ours, theirs) <= 1e-12


def test_recomputed_activations_give_the_same_gradient_with_dropout():
    rows = random_rows(9)
    grads = []
    for checkpointing in (False, True):
        model = tiny_llama(dtype=torch.float64)
        names = resolve_targets(model, "all-linear")
        attach_lora(model, names, rank=4, alpha=8, dropout=0.3, seed=0, dtype=torch.float64)
        put_adapter_tensors(model, dict(adapter_tensors(adapted(tiny_llama, torch.float64))))
        model.train()
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        accumulate_gradient(model, rows, memory=MemoryPlan(micro_tokens=60), step=3, seed=5)
        grads.append({name: tensor.grad for name, tensor in adapter_tensors(model).items()})
    assert largest_error(grads[1], grads[0]) <= 1e-12


def test_only_micro_batches_that_are_too_large_are_recomputed():
    """A layer runs once where its activations are kept, and twice where they are recomputed."""
    short = random_rows(1)[0]
    rows = [short, {**short, "input_ids": short["input_ids"] * 3, "labels": short["labels"] * 3}]
    found, times = [], []
    for plain_tokens in (len(short["input_ids"]), 10_000):
        model = adapted(tiny_llama, torch.float64)
        model.activation_checkpointing_enable({"use_reentrant": False})
        ran = []
        model.model.layers[0].self_attn.register_forward_hook(lambda *_, to=ran: to.append(1))
        accumulate_gradient(
            model,
            rows,
            memory=MemoryPlan(micro_tokens=10_000, padding=8, checkpointing=True, plain_tokens=plain_tokens),
            step=1,
            seed=0,
        )
        found.append({name: tensor.grad for name, tensor in adapter_tensors(model).items()})
        times.append(len(ran))
    assert times == [3, 2]
    assert largest_error(found[0], found[1]) <= 1e-12


def test_padding_is_never_learned_or_seen(tmp_path: Path):
    rows = random_rows(2)
    short, long = sorted(rows, key=lambda row: len(row["input_ids"]))
    alone, together = adapted(tiny_llama, torch.float64), adapted(tiny_llama, torch.float64)
    mute = {**long, "labels": [IGNORED] * len(long["labels"])}
    accumulate_gradient(alone, [short], memory=MemoryPlan(micro_tokens=1), step=1, seed=0)
    accumulate_gradient(together, [short, mute], memory=MemoryPlan(micro_tokens=10_000), step=1, seed=0)
    theirs = {name: tensor.grad for name, tensor in adapter_tensors(alone).items()}
    ours = {name: tensor.grad for name, tensor in adapter_tensors(together).items()}
    assert largest_error(ours, theirs) <= 1e-12


def test_in_bf16_a_head_worked_off_in_pieces_gives_the_gradient_of_the_whole(monkeypatch):
    """The factor 1 / supervised must not be rounded to bf16 on the way."""
    rows = random_rows(30, seed=3)
    whole, pieces = adapted(tiny_llama, torch.bfloat16), adapted(tiny_llama, torch.bfloat16)
    accumulate_gradient(whole, rows, memory=MemoryPlan(micro_tokens=10_000), step=1, seed=0)
    monkeypatch.setitem(loss_module.MOST_LOGITS, "cpu", 97 * 50)
    accumulate_gradient(pieces, rows, memory=MemoryPlan(micro_tokens=10_000), step=1, seed=0)
    for name, tensor in adapter_tensors(whole).items():
        theirs, ours = tensor.grad.double(), adapter_tensors(pieces)[name].grad.double()
        assert float((ours * theirs).sum() / (theirs * theirs).sum()) == pytest.approx(1, abs=1e-3)


def test_a_loss_scale_changes_the_gradient_by_that_factor_and_not_the_loss():
    rows = random_rows(6)
    plain, scaled = adapted(tiny_llama, torch.float64), adapted(tiny_llama, torch.float64)
    loss = accumulate_gradient(plain, rows, memory=MemoryPlan(micro_tokens=60), step=1, seed=0)
    same = accumulate_gradient(scaled, rows, memory=MemoryPlan(micro_tokens=60), step=1, seed=0, scale=1024.0)
    assert same == pytest.approx(loss, rel=1e-12)
    ours = {name: tensor.grad / 1024 for name, tensor in adapter_tensors(scaled).items()}
    theirs = {name: tensor.grad for name, tensor in adapter_tensors(plain).items()}
    assert largest_error(ours, theirs) <= 1e-12
