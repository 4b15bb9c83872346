"""Which linear layers of an architecture get an adapter."""

from __future__ import annotations

from typing import Any

from torch import nn

from medadapt.core.errors import ModelError
from medadapt.models.bypassed import bypassed_layers
from medadapt.models.fused_experts import taken_for_experts
from medadapt.models.linear import is_linear


def resolve_targets(model: nn.Module, targets: str | tuple[str, ...]) -> list[str]:
    """Full names of the linear layers that `lora.targets` means in this model, in the model's order.

    `all-linear` is every linear layer inside the text decoder's layers, `attention` those of its attention
    blocks; a list names layers of the decoder by their last part (`q_proj`) or a longer end of their full name.
    The output head is never meant by the two words, nor are layers that PEFT would take for experts or that the
    module around them does not call. Read from the model itself, this gives for OPT and BioGPT q_proj, k_proj, v_proj,
    out_proj, fc1, fc2 and for Llama and Mistral q, k, v, o, gate, up and down.

    Raises ModelError when a requested name or word matches nothing, with the names there are, or when a name means
    a layer that cannot carry an adapter.
    """
    linear = _of_the_decoder(model, _linear_layers(model))
    misread, bypassed = taken_for_experts(model), bypassed_layers(model)
    inside = [
        name
        for name in linear
        if _is_inside_a_layer(name) and _last_part(name) not in misread and name not in bypassed
    ]
    if isinstance(targets, str):
        meant = inside if targets == "all-linear" else [name for name in inside if _is_of_attention(name)]
        if not meant:
            raise _no_such_layers(model, f"lora.targets asks for {targets}", linear)
        return meant
    _refuse_the_head(model, tuple(targets))
    unmatched = [asked for asked in targets if not any(_ends_with(name, asked) for name in linear)]
    if unmatched:
        raise _no_such_layers(model, f"lora.targets names {', '.join(unmatched)}", linear)
    meant = [name for name in linear if any(_ends_with(name, asked) for asked in targets)]
    _refuse_misread(model, {_last_part(name) for name in meant} & misread)
    _refuse_bypassed(model, [name for name in meant if name in bypassed])
    return meant


def inner_layers(model: nn.Module) -> list[str]:
    """Full names of all linear layers inside layers, also of a vision tower: what quantisation packs."""
    return [name for name in _linear_layers(model) if _is_inside_a_layer(name)]


def short_names(names: list[str]) -> list[str]:
    """The last parts of module names, each once."""
    return sorted({_last_part(name) for name in names})


def peft_targets(model: nn.Module, names: list[str]) -> list[str]:
    """`target_modules` with which PEFT adapts these layers and no others; the model must not carry them yet.

    Last parts of names where no other module of the whole model ends so, else full names.
    """
    short = short_names(names)
    matched = [name for name, _ in model.named_modules() if any(_ends_with(name, end) for end in short)]
    return short if matched == names else names


def _linear_layers(model: nn.Module) -> list[str]:
    return [name for name, module in model.named_modules() if is_linear(module)]


def _of_the_decoder(model: nn.Module, names: list[str]) -> list[str]:
    """Those inside the text decoder: text never reaches a vision tower, so nothing could be learned there."""
    find = getattr(model, "get_decoder", None)
    decoder = find() if callable(find) else None
    place = next((name for name, module in model.named_modules() if module is decoder), "")
    inside = [name for name in names if name.startswith(f"{place}.")] if place else names
    # transformers finds the decoder by its name; ModernBERT calls its output head so.
    return inside or names


def _no_such_layers(model: nn.Module, asked: str, linear: list[str]) -> ModelError:
    return ModelError(
        f"{asked}, which the decoder of {type(model).__name__} does not have.",
        f"names of its linear layers: {', '.join(short_names(linear)) or 'it has none'}",
        "Use these names, or lora.targets: all-linear.",
    )


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


def _refuse_misread(model: nn.Module, asked: set[str]) -> None:
    if asked:
        raise ModelError(
            f"lora.targets names {', '.join(sorted(asked))}: in {type(model).__name__} PEFT takes these names for the "
            "experts, and would load the adapter wrongly.",
            "other layers",
            "Leave them out, or use lora.targets: all-linear.",
        )


def _refuse_bypassed(model: nn.Module, asked: list[str]) -> None:
    if asked:
        raise ModelError(
            f"lora.targets names {', '.join(short_names(asked))}: {type(model).__name__} reads the weights of "
            f"{asked[0]} without calling it, so an adapter there would have no effect.",
            "layers that are called",
            "Leave them out, or use lora.targets: all-linear.",
        )


def _last_part(name: str) -> str:
    return name.rpartition(".")[2]


def _ends_with(name: str, asked: str) -> bool:
    return name == asked or name.endswith(f".{asked}")


def _is_of_attention(name: str) -> bool:
    return "attn" in name.lower() or "attention" in name.lower()


def _is_inside_a_layer(name: str) -> bool:
    return any(part.isdigit() for part in name.split("."))
