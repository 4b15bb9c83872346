"""Adapters in PEFT's format: saved with the fingerprint of their base, loaded onto no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.core.files import disk_faults, read_json, sync_file, sync_folder, write_json
from medadapt.core.recipe import LoraSection
from medadapt.models.loading import LoadedBase, quiet_libraries
from medadapt.models.lora import attach_lora, put_adapter_tensors
from medadapt.models.targets import resolve_targets, short_names

WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"
BASE = "base.json"
"""Beside PEFT's files: which base the adapter belongs to."""


@dataclass(frozen=True, slots=True)
class AdaptedLayers:
    """Which layers carry the adapter."""

    names: list[str]
    """Full names, in the model's order."""
    peft_targets: list[str]
    """The same as PEFT's `target_modules`: last parts of the names where these are unambiguous."""


def new_adapter(base: LoadedBase, lora: LoraSection, *, seed: int) -> AdaptedLayers:
    """Put a fresh adapter on the base, in place; until it is trained it changes nothing."""
    names = resolve_targets(base.model, lora.targets)
    short = short_names(names)
    unambiguous = resolve_targets(base.model, tuple(short)) == names
    attach_lora(base.model, names, rank=lora.rank, alpha=lora.alpha, dropout=lora.dropout, seed=seed)
    return AdaptedLayers(names, short if unambiguous else names)


def save_config(base: LoadedBase, lora: LoraSection, layers: AdaptedLayers, folder: Path) -> None:
    """Write what PEFT needs to load the adapter, the tokenizer, and the base's fingerprint."""
    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.rank,
        lora_alpha=lora.alpha,  # PEFT takes fractions too
        lora_dropout=lora.dropout,
        target_modules=layers.peft_targets,
        bias="none",
        inference_mode=True,
        base_model_name_or_path=base.name,
    )
    with disk_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with quiet_libraries():
            config.save_pretrained(folder)
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
        sync_file(beside)
        beside.replace(folder / WEIGHTS)
        sync_folder(folder)


def load_adapter(base: LoadedBase, folder: Path) -> LoadedBase:
    """The base with the adapter of a folder on it, ready for inference.

    The given model is changed in place. Raises ModelError when the adapter is incomplete, was trained on
    another base, or is of a kind that is not supported.
    """
    config = read_adapter_config(folder)
    check_base(base, folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as problem:
        raise ModelError(
            f"{folder / WEIGHTS} cannot be read ({problem}).",
            "a complete adapter",
            "Run the training stage again.",
        ) from problem
    names = sorted_like(
        base.model, {key.removeprefix("base_model.model.").rsplit(".lora_", 1)[0] for key in tensors}
    )
    attach_lora(
        base.model, names, rank=int(config["r"]), alpha=float(config["lora_alpha"]), dropout=0.0, seed=0
    )
    put_adapter_tensors(base.model, tensors)
    base.model.eval()
    return base


def read_adapter_config(folder: Path) -> dict[str, Any]:
    """adapter_config.json of a plain LoRA adapter. Raises ModelError for other kinds."""
    path = folder / CONFIG
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise ModelError(
            f"{folder} holds no adapter.",
            f"{CONFIG} and {WEIGHTS}",
            "Run the training stage, or correct the path.",
        )
    config: dict[str, Any] = read_json(path)
    unsupported = [
        key for key in ("use_dora", "use_rslora", "rank_pattern", "alpha_pattern", "modules_to_save", "fan_in_fan_out")
        if config.get(key)
    ]  # fmt: skip
    if config.get("peft_type") != "LORA" or unsupported:
        raise ModelError(
            f"{path} describes {config.get('peft_type')} {' '.join(unsupported)}".rstrip() + ".",
            "a plain LoRA adapter",
            "Load it with PEFT itself; this version reads plain LoRA.",
        )
    return config


def check_base(base: LoadedBase, folder: Path) -> None:
    """Raise ModelError when the adapter in `folder` was trained on another base than this one."""
    path = folder / BASE
    if not path.is_file():
        return  # made by other software: nothing is known about its base
    trained_on = read_json(path)
    if trained_on["base_sha256"] != base.sha256:
        raise ModelError(
            f"The adapter in {folder} belongs to another base: it was trained on {trained_on['base']} "
            f"(fingerprint {trained_on['base_sha256'][:12]}), but {base.name} has {base.sha256[:12]}.",
            "the base the adapter was trained on",
            f"Set model.base to {trained_on['base']}, or train a new adapter for this base.",
        )


def sorted_like(model: nn.Module, names: set[str]) -> list[str]:
    """Module names in the model's own order. Raises ModelError for names it does not have."""
    ordered = [name for name, _ in model.named_modules() if name in names]
    if missing := sorted(names - set(ordered)):
        raise ModelError(
            f"The adapter names layers this model does not have, the first is {missing[0]}.",
            "an adapter for this architecture",
            "Use the base the adapter was trained on.",
        )
    return ordered
