"""What is tried on a device before anything large is."""

from __future__ import annotations

import pytest
import torch

from medadapt.models import device_check
from medadapt.models.device import device_facts
from medadapt.models.device_check import all_devices, check_device, gpu_that_torch_misses

CPU = torch.device("cpu")


def test_the_processor_multiplies_plain_and_packed_weights():
    found = check_device(CPU)
    assert (found.device, found.problem) == ("cpu", None)
    assert found.packed == {"int8": None, "nf4": None}
    assert found.facts == device_facts(CPU)


def test_the_processor_is_always_a_device_and_the_last_one():
    assert all_devices()[-1] == CPU


def test_a_device_that_refuses_to_compute_is_told_with_what_it_said(monkeypatch):
    def no_kernel():
        raise RuntimeError("no kernel image is available for execution on the device\nCompile with ...")

    monkeypatch.setattr(device_check, "_matrices", no_kernel)
    found = check_device(CPU)
    assert found.problem == "no kernel image is available for execution on the device"
    assert set(found.packed.values()) == {found.problem}


def test_a_device_that_computes_wrongly_is_told(monkeypatch):
    true_product = torch.Tensor.__matmul__

    def one_entry_is_wrong(one, other):
        product = true_product(one, other)
        if one.dtype != torch.float64:
            product[3, 5] += product.abs().max()
        return product

    monkeypatch.setattr(torch.Tensor, "__matmul__", one_entry_is_wrong)
    assert "is wrong by" in check_device(CPU).problem


@pytest.mark.parametrize("kind", ["int8", "nf4"])
def test_packed_weights_that_multiply_wrongly_are_told_and_the_others_stay(kind, monkeypatch):
    import bitsandbytes as bnb

    layer = {"int8": bnb.nn.Linear8bitLt, "nf4": bnb.nn.Linear4bit}[kind]
    forward = layer.forward
    monkeypatch.setattr(layer, "forward", lambda self, x: forward(self, x) * 1.5)
    found = check_device(CPU)
    assert found.problem is None
    assert {name for name, why in found.packed.items() if why} == {kind}
    assert "is wrong by" in found.packed[kind]


@pytest.mark.parametrize(
    ("built_for", "has_gpu", "driver", "said"),
    [
        (None, False, None, None),
        ("13.0", True, "/usr/bin/nvidia-smi", None),
        (None, False, "/usr/bin/nvidia-smi", "was built for the CPU alone"),
        ("13.0", False, "/usr/bin/nvidia-smi", "built for CUDA 13.0, finds none"),
        ("13.0", False, None, None),
    ],
)
def test_a_gpu_with_a_driver_that_torch_does_not_use_is_told(built_for, has_gpu, driver, said):
    found = gpu_that_torch_misses(built_for=built_for, has_gpu=has_gpu, driver=driver)
    assert found is None if said is None else said in found
