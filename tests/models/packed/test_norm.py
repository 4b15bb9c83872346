"""RMS normalisation: its gradient in every number format."""

from __future__ import annotations

import pytest
import torch

from medadapt.models.packed.norm import rms_norm, rms_norm_backward

EPS = 1e-6


def in_double(x, weight_D, grad):
    """The gradient with respect to `x` that torch finds in double precision."""
    wide = x.double().requires_grad_()
    normed = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + EPS) * weight_D.double()
    return torch.autograd.grad(normed, wide, grad.double())[0]


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 1e-6), (torch.bfloat16, 1e-2), (torch.float16, 1e-3)],
)
@pytest.mark.parametrize("size", [1.0, 300.0])
def test_the_gradient_is_that_of_double_precision_however_large_the_states_are(dtype, tolerance, size):
    """Of states and gradients of 300 the product is larger than fp16 holds."""
    draw = torch.Generator().manual_seed(0)
    x, grad = (size * torch.randn(7, 64, generator=draw, dtype=torch.float64) for _ in range(2))
    weight_D = 1 + 0.1 * torch.randn(64, generator=draw, dtype=torch.float64)
    x, grad, weight_D = x.to(dtype), grad.to(dtype), weight_D.to(dtype)
    _, inverse = rms_norm(x, weight_D, EPS)
    ours, theirs = rms_norm_backward(grad, x, weight_D, inverse).double(), in_double(x, weight_D, grad)
    assert (ours - theirs).norm() <= tolerance * theirs.norm()
