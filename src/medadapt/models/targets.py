"""Which linear layers of an architecture get an adapter."""

from __future__ import annotations

from typing import Any

from torch import nn

from medadapt.core.errors import ModelError
from medadapt.models.linear import is_linear


def resolve_targets(model: nn.Module, targets: str | tuple[str, ...]) -> list[str]:
    """Full names of the linear layers that `lora.targets` means in this model, in the model's order.

    `all-linear` is every linear layer inside the decoder's layers, `attention` those of its attention
    blocks; a list names layers by their last part (`q_proj`) or a longer end of their full name. The output
    head is never meant by the two words. Read from the model itself, this gives for OPT and BioGPT q_proj,
    k_proj, v_proj, out_proj, fc1, fc2 and for Llama and Mistral q, k, v, o, gate, up and down.

    Raises ModelError when a requested name matches nothing, with the names there are.
    """
    linear = [name for name, module in model.named_modules() if is_linear(module)]
    inside = [name for name in linear if _is_inside_a_layer(name)]
    if targets == "all-linear":
        return inside
    if targets == "attention":
        return [name for name in inside if "attn" in name.lower() or "attention" in name.lower()]
    _refuse_the_head(model, tuple(targets))
    unmatched = [asked for asked in targets if not any(_ends_with(name, asked) for name in linear)]
    if unmatched:
        known = sorted({name.rpartition(".")[2] for name in linear})
        raise ModelError(
            f"lora.targets names {', '.join(unmatched)}, which {type(model).__name__} does not have.",
            f"names of its linear layers: {', '.join(known)}",
            "Use these names, or lora.targets: all-linear.",
        )
    return [name for name in linear if any(_ends_with(name, asked) for asked in targets)]


def short_names(names: list[str]) -> list[str]:
    """The last parts of module names, each once: what PEFT's `target_modules` wants."""
    return sorted({name.rpartition(".")[2] for name in names})


def _refuse_the_head(model: nn.Module, targets: tuple[str, ...]) -> None:
    """The loss is computed in pieces on the ground that the output head is frozen."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    name = next((name for name, module in model.named_modules() if module is head), "")
    if asked := [target for target in targets if name and _ends_with(name, target)]:
        raise ModelError(
            f"lora.targets names {', '.join(asked)}, the output layer, which cannot carry an adapter here.",
            "layers inside the decoder",
            "Leave it out, or use lora.targets: all-linear.",
        )


def _ends_with(name: str, asked: str) -> bool:
    return name == asked or name.endswith(f".{asked}")


def _is_inside_a_layer(name: str) -> bool:
    return any(part.isdigit() for part in name.split("."))
