"""Linear layers whose weights the module around them reads itself, instead of calling them.

An adapter around such a layer would have no effect. State-space mixers (Mamba and its kin) do so on one of their two
paths: a kernel is handed `self.out_proj.weight`, and plain code multiplies with `self.dt_proj.weight`; PEFT refuses
some of these layers for the same reason. Gemma 3n clamps the weights of its alternating updates in training, and some
routers multiply in fp32 with the weights of a layer that they never call.
"""

from __future__ import annotations

import dis
import inspect
from itertools import pairwise

from torch import nn

OF_STATE_SPACE = {"A_log", "D"}
"""What every mixer of a state-space model has as parameters of its own, under these names, and no attention has."""
OF_ALTERNATING_UPDATES = {"prediction_coefs", "correction_coefs"}
"""What every such update of Gemma 3n has as layers of its own."""
LOADS = {"LOAD_ATTR", "LOAD_METHOD"}
"""Instructions that take an attribute of an object."""


def bypassed_layers(model: nn.Module) -> frozenset[str]:
    """Full names of the layers whose weights their parent reads, and which it does not call, or not on each path."""
    parents = [(place, module) for place, module in model.named_modules() if module._modules]
    uses = {kind: _uses_of(kind) for kind in {type(parent) for _, parent in parents}}
    return frozenset(
        f"{place}.{name}"
        for place, parent in parents
        for name in _bypassed_in(parent, *uses[type(parent)])
        if name in parent._modules
    )


def _bypassed_in(parent: nn.Module, read: frozenset[str], whole: frozenset[str]) -> frozenset[str]:
    """Those of the names whose weights are `read` that one path of a module, or each, does not call."""
    has_two_paths = (
        parent._parameters.keys() >= OF_STATE_SPACE or parent._modules.keys() >= OF_ALTERNATING_UPDATES
    )
    # Elsewhere a layer that is also called is only looked at, or read where a setting that is off asks for it (BLOOM).
    return read if has_two_paths else read - whole


def _uses_of(kind: type[nn.Module]) -> tuple[frozenset[str], frozenset[str]]:
    """Names that a class's methods use as `self.x.weight`, and those that they use whole, as in `self.x(y)`."""
    own = kind.__mro__[: kind.__mro__.index(nn.Module)]
    methods = [inspect.unwrap(value) for part in own for value in vars(part).values() if callable(value)]
    pairs = [
        pair
        for method in methods
        if inspect.isfunction(method)
        for pair in pairwise(dis.get_instructions(method))
        if pair[0].opname in LOADS
    ]
    return (
        frozenset(
            one.argval for one, then in pairs if then.opname == "LOAD_ATTR" and then.argval == "weight"
        ),
        frozenset(one.argval for one, then in pairs if then.opname not in LOADS),
    )
