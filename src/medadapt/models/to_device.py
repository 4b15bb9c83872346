"""Tensors from main memory to the device that works on them."""

from __future__ import annotations

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor that lies in main memory, on a device; the host does not wait for a GPU to take it."""
    if device.type != "cuda":
        return tensor.to(device)
    # From any other memory the copy waits for all that the GPU was asked before.
    return tensor.pin_memory().to(device, non_blocking=True)
