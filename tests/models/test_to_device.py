"""Tensors on their way to the device."""

from __future__ import annotations

import torch

from medadapt.models.to_device import sent


def test_on_a_cpu_nothing_is_copied():
    tensor = torch.arange(5)
    assert sent(tensor, torch.device("cpu")).data_ptr() == tensor.data_ptr()
