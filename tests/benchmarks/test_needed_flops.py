"""The operations that a step needs, held against what torch counts."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.flops import needed_flops


def test_needed_flops_are_those_of_adapted_layers_and_a_head_on_learned_rows():
    torch.manual_seed(0)
    tokens, supervised, width, vocabulary, rank, layers = 12, 5, 16, 40, 4, 3
    frozen = [nn.Linear(width, width, bias=False).requires_grad_(False) for _ in range(layers)]
    adapters = [
        (nn.Linear(width, rank, bias=False), nn.Linear(rank, width, bias=False)) for _ in range(layers)
    ]
    head = nn.Linear(width, vocabulary, bias=False).requires_grad_(False)
    x = torch.randn(tokens, width, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        y = x
        for layer, (down, up) in zip(frozen, adapters, strict=True):
            y = torch.tanh(layer(y) + up(down(y)))
        head(y[:supervised]).logsumexp(-1).sum().backward()
    assert counter.get_total_flops() == needed_flops(
        tokens=tokens,
        supervised=supervised,
        frozen=layers * width * width,
        head=width * vocabulary,
        adapter=layers * 2 * width * rank,
    )
