"""Mixtures of experts whose experts transformers keeps as one stack of matrices, although older files had layers.

When PEFT loads an adapter for such a model, it takes the names of those layers for the stack, wherever they stand:
those of shared experts and of layers without experts, too, which still are layers of their own.
"""

from __future__ import annotations

from torch import nn
from transformers import conversion_mapping

KINDS: dict[str, str] = getattr(conversion_mapping, "_MODEL_TO_CONVERSION_PATTERN", {}) | {
    "mixtral": "mixtral"
}
"""Model type -> the kind of mixture it is converted as; entries for other models are of no matter here."""
NAMES = {
    "mixtral": frozenset({"gate", "w1", "w2", "w3"}),
    "qwen2_moe": frozenset({"gate", "gate_proj", "up_proj", "down_proj"}),
}
"""Kind of mixture -> last parts of names that PEFT 0.21 takes for experts or their router."""


def taken_for_experts(model: nn.Module) -> frozenset[str]:
    """Last parts of names under which an adapter on this model would be loaded wrongly by PEFT."""
    model_type = getattr(getattr(model, "config", None), "model_type", None)
    return NAMES.get(KINDS.get(str(model_type), ""), frozenset())
