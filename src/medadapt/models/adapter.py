"""Adapters in PEFT's format: made anew, taken up again, saved with the fingerprint of their base.

An adapter goes onto no other base than its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor, nn

from medadapt.core.adapter_folder import BASE, CONFIG, WEIGHTS
from medadapt.core.errors import ModelError
from medadapt.core.files import (
    disk_faults,
    give_usual_mode,
    read_json,
    sync_file,
    sync_folder,
    write_json,
    write_text,
)
from medadapt.core.recipe import LoraSection
from medadapt.models.adapter_files import (
    AdapterConfig,
    find_adapter,
    layers_of,
    read_adapter_config,
    read_adapter_tensors,
    same_base_name,
)
from medadapt.models.hub_adapter import UNNAMED_BASE
from medadapt.models.linear import is_transposed
from medadapt.models.loading import LoadedBase
from medadapt.models.lora import attach_lora, lora_layers, put_adapter_tensors
from medadapt.models.peft_config import lora_config_text
from medadapt.models.targets import peft_targets, resolve_targets, short_names


@dataclass(frozen=True, slots=True)
class AdaptedLayers:
    """Which layers carry the adapter."""

    names: list[str]
    """Full names, in the model's order."""
    peft_targets: list[str]
    """The same as PEFT's `target_modules`: last parts of the names where these are unambiguous."""


def start_adapter(base: LoadedBase, lora: LoraSection, *, seed: int, adapter: str | None) -> AdaptedLayers:
    """Put the adapter that training starts from on the base, in place: a fresh one, or `model.adapter`.

    Raises ModelError where that adapter cannot be found or read, belongs to another base, or is not the one
    that the recipe's `lora` section describes.
    """
    if adapter is None:
        return new_adapter(base, lora, seed=seed)
    folder = find_adapter(adapter)
    config = read_adapter_config(folder)
    tensors = read_adapter_tensors(folder)
    check_base(base, folder, config)
    names = resolve_targets(base.model, lora.targets)
    _check_asked(lora, names, config, sorted_like(base.model, layers_of(tensors)), folder)
    layers = new_adapter(base, lora, seed=seed)
    put_adapter_tensors(base.model, tensors)
    return layers


def new_adapter(base: LoadedBase, lora: LoraSection, *, seed: int) -> AdaptedLayers:
    """Put a fresh adapter on the base, in place; until it is trained it changes nothing."""
    names = resolve_targets(base.model, lora.targets)
    layers = AdaptedLayers(names, peft_targets(base.model, names))
    attach_lora(
        base.model,
        names,
        rank=lora.rank,
        alpha=lora.alpha,
        dropout=lora.dropout,
        seed=seed,
        variant=lora.variant,
    )
    return layers


def save_config(base: LoadedBase, lora: LoraSection, layers: AdaptedLayers, folder: Path) -> None:
    """Write what PEFT needs to load the adapter, the tokenizer, and the base's fingerprint.

    The base must carry the adapter.
    """
    config = lora_config_text(
        rank=lora.rank,
        alpha=lora.alpha,
        dropout=lora.dropout,
        variant=lora.variant,
        targets=layers.peft_targets,
        base=base.name,
        revision=base.revision,
        transposed=any(is_transposed(layer.base) for _, layer in lora_layers(base.model)),
    )
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / CONFIG, config)
        base.tokenizer.save_pretrained(folder)
    write_json(
        folder / BASE,
        {"base": base.name, "base_sha256": base.sha256, "quantization": base.facts["quantization"]["got"]},
    )


def save_weights(tensors: dict[str, Tensor], folder: Path) -> None:
    """Write `adapter_model.safetensors`, whole or not at all."""
    beside = folder / f".{WEIGHTS}.part"
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        save_file(
            {name: t.detach().cpu().contiguous() for name, t in tensors.items()},
            beside,
            metadata={"format": "pt"},
        )
        give_usual_mode(beside)
        sync_file(beside)
        beside.replace(folder / WEIGHTS)
        sync_folder(folder)


def load_adapter(base: LoadedBase, folder: Path) -> LoadedBase:
    """The base with the adapter of a folder on it, ready for inference.

    The given model is changed in place. Raises ModelError when the adapter is incomplete, was trained on
    another base, or is of a kind that is not supported.
    """
    config = read_adapter_config(folder)
    check_base(base, folder, config)
    tensors = read_adapter_tensors(folder)
    names = sorted_like(base.model, layers_of(tensors))
    attach_lora(
        base.model, names, rank=config.rank, alpha=config.alpha, dropout=0.0, seed=0, variant=config.variant
    )
    put_adapter_tensors(base.model, tensors)
    base.model.eval()
    return base


def check_base(base: LoadedBase, folder: Path, config: AdapterConfig) -> None:
    """Raise ModelError when the adapter in `folder` was trained on another base than this one.

    An adapter made by other software carries no fingerprint. Then only a name that cannot be this base's is
    refused here; that the layers fit is seen when the weights are put in.
    """
    path = folder / BASE
    if path.is_file():
        trained_on = read_json(path)
        name, fits = trained_on["base"], trained_on["base_sha256"] == base.sha256
        why = f"fingerprint {trained_on['base_sha256'][:12]}, but {base.name} has {base.sha256[:12]}"
    else:
        name, fits = config.base, config.base is None or same_base_name(config.base, base.name)
        why = f"by its {CONFIG}, but the base here is {base.name}"
    if not fits:
        unnamed = name == UNNAMED_BASE
        if name == base.name:
            remedy = (
                f"Use the revision of {name} that it was trained on, or train it again for this one: `medadapt run RUN "
                "--from train --replace`."
            )
        else:
            remedy = (
                f"Use {'the one with that fingerprint' if unnamed else name} as the base, or train a new adapter for "
                "this base."
            )
        raise ModelError(
            f"The adapter in {folder} belongs to another base: it was trained on "
            f"{'a local base model' if unnamed else name} ({why}).",
            "the base the adapter was trained on",
            remedy,
        )


def sorted_like(model: nn.Module, names: Iterable[str]) -> list[str]:
    """Module names in the model's own order. Raises ModelError for names it does not have."""
    wanted = set(names)
    ordered = [name for name, _ in model.named_modules() if name in wanted]
    if missing := sorted(wanted - set(ordered)):
        raise ModelError(
            f"The adapter names layers this model does not have, the first is {missing[0]}: it belongs to "
            "another base.",
            "an adapter for this architecture",
            "Use the base the adapter was trained on.",
        )
    return ordered


def _check_asked(
    lora: LoraSection, names: list[str], config: AdapterConfig, adapted: list[str], folder: Path
) -> None:
    """Raise ModelError unless the recipe's `lora` section describes the adapter that is there."""
    pairs = {
        "rank": (lora.rank, config.rank),
        "alpha": (float(lora.alpha), config.alpha),
        "variant": (lora.variant, config.variant),
    }
    differ = [
        f"lora.{key} {asked}, the adapter has {got}" for key, (asked, got) in pairs.items() if asked != got
    ]
    if names != adapted:
        asked, got = (", ".join(short_names(list(these))) for these in (names, adapted))
        differ.append(
            f"lora.targets meaning {len(names)} layers ({asked}), the adapter has {len(adapted)} ({got})"
        )
    if differ:
        raise ModelError(
            f"The adapter in {folder} is not what the recipe asks for: {'; '.join(differ)}.",
            "the rank, alpha, variant and targets that the adapter was trained with",
            "Give the adapter's values in the lora section, or leave out model.adapter to train a new one.",
        )
