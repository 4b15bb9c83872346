"""State-space layers (Mamba and its kin), whose mixers read the weights of some of their linear layers themselves.

A kernel is handed `self.out_proj.weight`, and plain code multiplies with `self.dt_proj.weight`: the layer is not called
then, and an adapter around it would have no effect. PEFT refuses some of these layers for the same reason.
"""

from __future__ import annotations

import dis
import inspect
from itertools import pairwise

from torch import nn

OWN_PARAMETERS = {"A_log", "D"}
"""What every mixer of a state-space model has as parameters of its own, under these names, and no attention has."""


def bypassed_by_mixers(model: nn.Module) -> frozenset[str]:
    """Full names of the layers that a state-space mixer of this model has, but whose weights it also reads."""
    mixers = {
        place: module
        for place, module in model.named_modules()
        if module._parameters.keys() >= OWN_PARAMETERS
    }
    read = {kind: _read_by(kind) for kind in {type(mixer) for mixer in mixers.values()}}
    return frozenset(
        f"{place}.{name}"
        for place, mixer in mixers.items()
        for name, _ in mixer.named_children()
        if name in read[type(mixer)]
    )


def _read_by(kind: type[nn.Module]) -> frozenset[str]:
    """Names of the children whose weights the methods of a class read: `x` where they say `self.x.weight`."""
    own = kind.__mro__[: kind.__mro__.index(nn.Module)]
    methods = [inspect.unwrap(value) for part in own for value in vars(part).values() if callable(value)]
    return frozenset(
        child.argval
        for method in methods
        if inspect.isfunction(method)
        for child, attribute in pairwise(dis.get_instructions(method))
        if child.opname == attribute.opname == "LOAD_ATTR" and attribute.argval == "weight"
    )
