"""LoRA layers by themselves: dropout, number formats, the cached lengths, layers whose weight is elsewhere."""

from __future__ import annotations

import pytest
import torch
from accelerate import cpu_offload
from peft.tuners.lora import LoraConfig
from peft.tuners.lora.layer import Linear as PeftLinear
from torch import nn
from transformers.integrations.bitnet import AutoBitLinear

from medadapt.core.errors import ModelError
from medadapt.models.dropout import silenced
from medadapt.models.lora import DoraLinear, attach_lora, lora_layers, lora_scale
from medadapt.training.optimizer import make_optimizer


def dora(*, dropout=0.0, bias=True, dtype=torch.float64) -> DoraLinear:
    torch.manual_seed(0)
    layer = DoraLinear(
        nn.Linear(24, 16, bias=bias, dtype=dtype), rank=3, scale=2.0, dropout=dropout, dtype=dtype
    )
    with torch.no_grad():
        layer.lora_A.normal_()
        layer.lora_B.normal_()
        layer.magnitude.uniform_(0.5, 2.0)
    return layer


def test_the_scale_is_alpha_over_rank_and_rank_stabilised_over_its_root():
    assert lora_scale(rank=16, alpha=32, variant="lora") == 2
    assert lora_scale(rank=16, alpha=32, variant="dora") == 2
    assert lora_scale(rank=16, alpha=32, variant="rslora") == 8


class _Given(nn.Module):
    """Dropout with a mask that is handed in."""

    def __init__(self, mask, share):
        super().__init__()
        self.mask, self.share = mask, share

    def forward(self, x):
        return x.masked_fill(self.mask, 0) / (1 - self.share)


@pytest.mark.parametrize("bias", [True, False])
def test_dora_with_dropout_equals_pefts_given_the_same_mask(bias):
    ours = dora(dropout=0.4, bias=bias).train()
    ours.mask_seed = 7
    config = LoraConfig(r=3, lora_alpha=6, lora_dropout=0.4, use_dora=True)
    theirs = PeftLinear(ours.base, "default", config=config, r=3, lora_alpha=6).double().train()
    x = torch.randn(5, 24, dtype=torch.float64)
    mask = silenced(x.shape, 0.4, 7, x.device)
    theirs.lora_dropout["default"] = _Given(mask, 0.4)
    with torch.no_grad():
        theirs.lora_A["default"].weight.copy_(ours.lora_A)
        theirs.lora_B["default"].weight.copy_(ours.lora_B)
        theirs.lora_magnitude_vector["default"].weight.copy_(ours.magnitude)
    mine, other = ours(x), theirs(x)
    torch.testing.assert_close(mine, other, rtol=1e-12, atol=1e-12)
    mine.pow(2).sum().backward()
    other.pow(2).sum().backward()
    for mine_too, other_too in (
        (ours.lora_A, theirs.lora_A["default"].weight),
        (ours.lora_B, theirs.lora_B["default"].weight),
        (ours.magnitude, theirs.lora_magnitude_vector["default"].weight),
    ):
        torch.testing.assert_close(mine_too.grad, other_too.grad, rtol=1e-10, atol=1e-10)


def exact_lengths(layer: DoraLinear) -> torch.Tensor:
    weight = layer.base.weight.double() + layer.scale * layer.lora_B.double() @ layer.lora_A.double()
    return weight.detach().norm(dim=1)


@pytest.mark.parametrize("evaluate_between", [False, True])
def test_the_lengths_follow_every_step_of_the_optimiser(evaluate_between):
    layer = dora(dtype=torch.float32).train()
    layer.base.requires_grad_(False)
    optimizer = make_optimizer(layer.tensors(), weight_decay=0.0)
    optimizer.param_groups[0]["lr"] = 0.1
    for _ in range(3):
        if evaluate_between:
            layer.eval()(torch.randn(4, 24))
            layer.train()
        layer(torch.randn(4, 24)).pow(2).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        if evaluate_between:
            layer.eval()
        torch.testing.assert_close(layer.lengths().double(), exact_lengths(layer), rtol=1e-5, atol=1e-5)


def test_in_evaluation_the_lengths_are_measured_once_for_the_same_weights():
    layer = dora().eval()
    first = layer.lengths()
    assert layer.lengths() is first
    with torch.no_grad():
        layer.lora_B.zero_()
    torch.testing.assert_close(layer.lengths(), exact_lengths(layer))


def test_lengths_from_an_inference_can_be_trained_on():
    layer = dora()
    with torch.inference_mode():
        layer.eval()(torch.randn(2, 24, dtype=torch.float64))
    layer.train()(torch.randn(2, 24, dtype=torch.float64)).sum().backward()
    assert layer.magnitude.grad is not None


def test_a_bf16_base_has_a_single_precision_magnitude_and_a_bf16_result():
    layer = DoraLinear(nn.Linear(8, 4).bfloat16(), rank=2, scale=1.0, dropout=0.0, dtype=torch.float32)
    y = layer(torch.randn(3, 8, dtype=torch.bfloat16))
    assert layer.magnitude.dtype == torch.float32
    assert y.dtype == torch.bfloat16


@pytest.mark.parametrize("variant", ["lora", "dora"])
def test_layers_whose_weights_only_visit_the_working_device_give_the_same_result(variant):
    """As with offloading: between two uses the weight and the bias are not where the layer computes."""
    results = []
    for offloaded in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4))
        if offloaded:
            cpu_offload(model, execution_device=torch.device("cpu"))
            assert model[0].weight.device.type == "meta"
        attach_lora(model, ["0", "2"], rank=2, alpha=4, dropout=0.0, seed=0, variant=variant)
        for _, layer in lora_layers(model):
            with torch.no_grad():
                layer.lora_B.fill_(0.1)
        model.train()
        y = model(torch.linspace(-1, 1, 24).view(3, 8))
        y.pow(2).sum().backward()
        results.append([y.detach(), *(p.grad for p in model.parameters() if p.requires_grad)])
    for plain, visiting in zip(*results, strict=True):
        torch.testing.assert_close(visiting, plain)


def test_dora_is_refused_on_layers_that_round_their_weights():
    model = nn.Sequential(AutoBitLinear(8, 8, online_quant=True))
    with pytest.raises(ModelError, match="dora cannot be used on AutoBitLinear"):
        attach_lora(model, ["0"], rank=2, alpha=4, dropout=0.0, seed=0, variant="dora")
