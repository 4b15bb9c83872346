"""The adapter's dropout: the right share, unbiased, and a function of its number alone."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from medadapt.models.dropout import silenced
from medadapt.models.lora import LoraLinear

CPU = torch.device("cpu")


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5, 0.9])
def test_the_asked_share_is_silenced(share):
    count = 1_000_000
    got = float(silenced(torch.Size([1000, 1000]), share, 3, CPU).float().mean())
    assert got == pytest.approx(share, abs=5 * (share * (1 - share) / count) ** 0.5 + 1e-5)


def test_a_share_that_rounds_to_all_silences_all():
    assert silenced(torch.Size([1000]), 1 - 1e-9, 3, CPU).all()


def test_the_mask_depends_on_its_number_alone():
    shape = torch.Size([7, 33])
    first = silenced(shape, 0.3, 11, CPU)
    torch.rand(100)
    silenced(shape, 0.3, 12, CPU)
    assert torch.equal(silenced(shape, 0.3, 11, CPU), first)
    assert not torch.equal(silenced(shape, 0.3, 12, CPU), first)


def test_neighbouring_numbers_give_independent_masks():
    shape = torch.Size([200_000])
    one, two = (silenced(shape, 0.5, number, CPU).float() - 0.5 for number in (40, 41))
    assert abs(float((one * two).mean())) < 5 * 0.25 / 200_000**0.5


def test_dropout_leaves_the_expected_output_alone():
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(64, 8), rank=4, scale=2.0, dropout=0.25, dtype=torch.float64).double()
    with torch.no_grad():
        layer.lora_A.normal_()
        layer.lora_B.normal_()
    x = torch.randn(3, 64, dtype=torch.float64)
    expected = layer.eval()(x).detach()
    layer.train()
    outputs = []
    for number in range(4000):
        layer.mask_seed = number << 20
        outputs.append(layer(x).detach())
    drawn = torch.stack(outputs)
    error = (drawn.mean(0) - expected) / (drawn.std(0) / 4000**0.5)
    assert float(error.abs().max()) < 5


def test_without_training_nothing_is_silenced():
    torch.manual_seed(0)
    layer = LoraLinear(nn.Linear(16, 16), rank=2, scale=1.0, dropout=0.9, dtype=torch.float32).eval()
    with torch.no_grad():
        layer.lora_A.normal_()
        layer.lora_B.normal_()
    x = torch.randn(5, 16)
    torch.testing.assert_close(layer(x), layer.base(x) + x @ layer.lora_A.T @ layer.lora_B.T)
