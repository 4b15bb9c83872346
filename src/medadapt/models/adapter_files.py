"""Where an adapter lies, and what its configuration says: PEFT's format, whoever wrote it.

What is understood is LoRA in its three variants with one rank for all layers. Everything else that PEFT can
store is refused by the name of its setting, because leaving it out would silently give another model.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from medadapt.core.adapter_folder import CONFIG, WEIGHTS
from medadapt.core.errors import ModelError
from medadapt.core.hashes import sha256_file
from medadapt.core.home_folder import in_home
from medadapt.models.base_files import looks_like_path, read_base_config
from medadapt.models.hub_adapter import HUB, fetch_adapter
from medadapt.models.local_base import local_folder
from medadapt.models.peft_config import DEFAULTS

if TYPE_CHECKING:
    from medadapt.models.lora import Variant

PICKLE = "adapter_model.bin"
PREFIX = "base_model.model."
"""PEFT puts this before the names of the model's own layers."""

READ = {"peft_type", "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "use_dora"}
# Which layers are adapted is read from the tensors, how a base layer keeps its weight from the layer itself,
# and the rest tells how the adapter was once set up.
WITHOUT_EFFECT = {
    "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "task_type", "peft_version",
    "exclude_modules", "layers_to_transform", "layers_pattern", "fan_in_fan_out", "megatron_core",
    "runtime_config", "qalora_group_size",
}  # fmt: skip
PLAIN_STARTS = (True, False, "gaussian", "orthogonal", "eva", None)
"""Values of `init_lora_weights` that leave the base's own weights alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """What an adapter is, apart from its weights."""

    rank: int
    alpha: float
    variant: Variant
    base: str | None
    """Name of the base it was trained on, where it says so."""


def find_adapter(source: str) -> Path:
    """The folder of `model.adapter`: a folder, or `hub:owner/name[@revision]`, of which only its files are fetched.

    Raises ModelError where there is none.
    """
    if source.startswith(HUB):
        return fetch_adapter(source, key="model.adapter")
    folder = in_home(source)
    if not folder.is_dir():
        hint = "" if looks_like_path(source) else f" An adapter of the hub is written {HUB}{source}."
        raise ModelError(
            f"The adapter folder {source} does not exist.{hint}",
            f"a folder with {CONFIG} and {WEIGHTS}, or hub:owner/name",
            "Correct model.adapter.",
        )
    return folder


def adapter_hashes(source: str | None) -> dict[str, str]:
    """`adapter` -> hash of the weights of `model.adapter`; empty where the folder has none, or none is named.

    An adapter of the hub is fetched for it, so that a branch that moved on is seen. Raises ModelError where
    it cannot be had.
    """
    if source is None:
        return {}
    folder = find_adapter(source) if source.startswith(HUB) else in_home(source)
    weights = folder / WEIGHTS
    return {"adapter": sha256_file(weights)} if weights.is_file() else {}


def adapter_commit(source: str | None) -> str | None:
    """The commit of `model.adapter` where it is one of the hub."""
    return find_adapter(source).name if source is not None and source.startswith(HUB) else None


def read_adapter_config(folder: Path) -> AdapterConfig:
    """What adapter_config.json says. Raises ModelError for kinds of adapters that are not supported."""
    path = folder / CONFIG
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise _no_adapter(folder)
    values = read_base_config(path)
    kind = values.get("peft_type")
    unsupported = [] if kind != "LORA" else _unsupported(values)
    if kind != "LORA" or unsupported:
        raise ModelError(
            f"{path} describes {kind}{' with ' if unsupported else ''}{', '.join(unsupported)}.",
            "a LoRA, rsLoRA or DoRA adapter with one rank and without further trained weights",
            "Load it with PEFT itself, or train a new adapter.",
        )
    rank, alpha = values.get("r"), values.get("lora_alpha")
    if (
        not isinstance(rank, int)
        or rank < 1
        or not isinstance(alpha, int | float)
        or not math.isfinite(alpha)
    ):
        raise _damaged(path, f"r is {rank!r} and lora_alpha {alpha!r}")
    variant: Variant = "dora" if values.get("use_dora") else "rslora" if values.get("use_rslora") else "lora"
    base = values.get("base_model_name_or_path")
    return AdapterConfig(
        rank=rank, alpha=float(alpha), variant=variant, base=base if isinstance(base, str) else None
    )


def read_adapter_tensors(folder: Path) -> dict[str, Tensor]:
    """The weights of an adapter under PEFT's names. Raises ModelError where they cannot be read."""
    path = folder / WEIGHTS
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as problem:
        raise ModelError(
            f"{path} cannot be read ({problem}).", "a complete adapter", "Run the training stage again."
        ) from problem
    if not tensors:
        raise _damaged(path, "it holds no tensors")
    return tensors


def layers_of(tensors: dict[str, Tensor]) -> set[str]:
    """Full names of the layers that an adapter's tensors belong to."""
    return {key.removeprefix(PREFIX).partition(".lora_")[0] for key in tensors}


def _unsupported(values: dict[str, Any]) -> list[str]:
    """Settings that change what the adapter does and that are not understood, each with its value."""
    found = [
        key
        for key, value in values.items()
        if key not in READ | WITHOUT_EFFECT | {"init_lora_weights", "bias"}
        and value not in (None, False, {}, [])
        and value != DEFAULTS.get(key)
    ]
    if values.get("bias", "none") != "none":
        found.append("bias")
    if values.get("init_lora_weights", True) not in PLAIN_STARTS:
        found.append("init_lora_weights")
    if values.get("use_dora") and values.get("use_rslora"):
        found.append("use_dora and use_rslora together")
    return [f"{key}: {values[key]}" if key in values else key for key in sorted(found)]


def _no_adapter(folder: Path) -> ModelError:
    if (folder / PICKLE).is_file():
        return ModelError(
            f"{folder} holds its weights as {PICKLE}, a pickle that can run code when opened.",
            WEIGHTS,
            "Use a copy in safetensors format, or convert it in a place you trust.",
        )
    inside = folder / "3-adapter"
    return ModelError(
        f"{folder} holds no adapter.",
        f"{CONFIG} and {WEIGHTS}",
        f"Use {inside}, the adapter of this run."
        if (inside / WEIGHTS).is_file()
        else "Run the training stage, or correct the path.",
    )


def _damaged(path: Path, problem: str) -> ModelError:
    return ModelError(f"{path} is damaged: {problem}.", "the file as it was saved", "Get the adapter again.")


def same_base_name(one: str, other: str) -> bool:
    """Whether two names can mean the same weights: only two hub ids with different last parts cannot."""
    if any(
        looks_like_path(name) or "/" not in name or local_folder(name) is not None for name in (one, other)
    ):
        return True
    return _last_part(one) == _last_part(other)


def _last_part(name: str) -> str:
    """Without the owner and without the words that mark a copy as quantised beforehand."""
    return re.sub(r"(-unsloth)?-bnb-[48]bit$", "", name.rpartition("/")[2].lower())
