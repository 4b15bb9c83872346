"""The summed loss and its gradient against PyTorch's cross entropy."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from medadapt.examples.masking import IGNORED
from medadapt.models import vocabulary
from medadapt.training.token_loss import summed_nll


def with_ignored(dtype):
    torch.manual_seed(0)
    logits = (torch.randn(11, 40, dtype=torch.float64) * 6).to(dtype)
    targets = torch.randint(0, 40, (11,))
    targets[[0, 4]] = IGNORED
    return logits, targets


@pytest.mark.parametrize("at_once", [1, 100, 1 << 19])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_loss_and_gradient_are_those_of_cross_entropy(dtype, tolerance, at_once, monkeypatch):
    monkeypatch.setattr(vocabulary, "WIDE_AT_ONCE", at_once)
    logits, targets = with_ignored(dtype)
    theirs_NV = logits.clone().requires_grad_()
    theirs = functional.cross_entropy(theirs_NV, targets, reduction="sum", ignore_index=IGNORED) * 0.25
    theirs.backward()
    # As a head hands them over: computed, and of no use to anybody else.
    source_NV = logits.clone().requires_grad_()
    ours = summed_nll(source_NV * 1, targets, factor=0.25)
    ours.backward()
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(source_NV.grad, theirs_NV.grad, rtol=tolerance, atol=tolerance)


def test_in_bf16_the_gradient_is_the_exact_one_rounded_once():
    logits, targets = with_ignored(torch.bfloat16)
    exact_NV = logits.double().requires_grad_()
    (functional.cross_entropy(exact_NV, targets, reduction="sum", ignore_index=IGNORED) / 7).backward()
    source_NV = logits.clone().requires_grad_()
    loss = summed_nll(source_NV * 1, targets, factor=1 / 7)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(source_NV.grad.double(), exact_NV.grad, rtol=2**-8, atol=1e-9)


def test_what_is_ignored_may_be_no_number():
    logits, targets = with_ignored(torch.float32)
    wanted = targets != IGNORED
    plain = summed_nll(logits[wanted], targets[wanted])
    logits[~wanted] = torch.nan
    torch.testing.assert_close(summed_nll(logits, targets), plain)


class NoIndexByMask(TorchDispatchMode):
    """Refuses what makes a GPU wait: the length of a selection by a mask is not known before it is computed."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in {torch.ops.aten.nonzero, torch.ops.aten.masked_select}:
            raise AssertionError(f"{func} waits for the device")
        is_index = func.overloadpacket is torch.ops.aten.index
        if is_index and any(one is not None and one.dtype == torch.bool for one in args[1]):
            raise AssertionError(f"{func} by a mask waits for the device")
        return func(*args, **(kwargs or {}))


def test_the_host_does_not_wait_to_learn_how_many_targets_there_are():
    logits, targets = with_ignored(torch.float32)
    source_NV = logits.requires_grad_()
    with NoIndexByMask():
        summed_nll(source_NV * 1, targets).backward()


def test_logits_that_have_become_a_gradient_are_not_used_again():
    logits, targets = with_ignored(torch.float32)
    loss = summed_nll(logits.requires_grad_() * 1, targets)
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
