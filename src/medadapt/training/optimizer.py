"""AdamW over the adapter, and its state as named tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from medadapt.core.errors import ModelError

MOMENTS = ("exp_avg", "exp_avg_sq", "step")


def make_optimizer(parameters: Mapping[str, nn.Parameter], *, weight_decay: float) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019), fused into one kernel where the device has one.

    The learning rate is set before every step, from the schedule.
    """
    device = next(iter(parameters.values())).device.type
    return torch.optim.AdamW(
        list(parameters.values()), lr=0.0, weight_decay=weight_decay, fused=device in {"cpu", "cuda"}
    )


def optimizer_tensors(
    optimizer: torch.optim.AdamW, parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Both moments and the step count of every parameter that has been stepped, as `name.moment`."""
    return {
        f"{name}.{moment}": optimizer.state[parameter][moment].detach()
        for name, parameter in parameters.items()
        if parameter in optimizer.state
        for moment in MOMENTS
    }


def put_optimizer_tensors(
    optimizer: torch.optim.AdamW, parameters: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Put saved moments back. Raises ModelError unless they are those of these very parameters."""
    expected = {f"{name}.{moment}" for name in parameters for moment in MOMENTS}
    if tensors and expected != set(tensors):
        raise ModelError(
            "The optimiser state of the checkpoint belongs to another adapter.",
            "the state of the same layers",
            "Run again with --replace.",
        )
    for name, parameter in parameters.items():
        if tensors:
            state = {moment: tensors[f"{name}.{moment}"].clone() for moment in MOMENTS}
            on_device = {moment: state[moment].to(parameter.device) for moment in MOMENTS}
            optimizer.state[parameter] = on_device
