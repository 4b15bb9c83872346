"""Frozen weights in 8 or 4 bits by bitsandbytes, and what really lies in memory afterwards.

int8 is LLM.int8() (Dettmers et al. 2022, arXiv 2208.07339), nf4 is QLoRA's (Dettmers et al. 2023, arXiv
2305.14314) with double quantisation. The output head, the embeddings and the norms stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers import BitsAndBytesConfig

from medadapt.core.errors import ModelError
from medadapt.core.recipe import Quantization
from medadapt.models.linear import is_quantized
from medadapt.models.targets import inner_layers


def quantization_config(asked: str, dtype: torch.dtype, *, offload: bool = False) -> Any | None:
    """What transformers needs to load the weights as `model.quantization` asks; None for `none`.

    With `offload` layers that the device map puts into main memory keep their number format `dtype`.
    """
    if asked == "nf4":
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=dtype,
            llm_int8_enable_fp32_cpu_offload=offload,
        )
    if asked == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_enable_fp32_cpu_offload=offload)
    return None


def published_quantization(config: Mapping[str, Any]) -> Quantization:
    """How a base was packed by bitsandbytes when it was published, as its config.json says.

    Raises ModelError for 4 bits of another kind than nf4, before anything is fetched for nothing.
    """
    stated = config.get("quantization_config")
    if not isinstance(stated, dict):
        return "none"
    if not stated.get("load_in_4bit"):
        return "int8" if stated.get("load_in_8bit") else "none"
    if (kind := stated.get("bnb_4bit_quant_type", "fp4")) != "nf4":  # fp4 is what bitsandbytes takes unasked
        raise ModelError(
            f"The base was published in 4 bits of the kind {kind}.",
            "a base in nf4 or int8, or one that is not packed",
            "Use the base that is not packed, with --quantization nf4.",
        )
    return "nf4"


def guard_cpu_quantization(model: nn.Module) -> None:
    """Keep 4-bit layers trainable on CPUs with AVX512-BF16.

    There bitsandbytes repacks the weights in the first evaluation; later training forwards then use a
    kernel without a gradient, and the layers before get none, with no error. Measured on 0.50.2.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def compute_in(model: nn.Module, dtype: torch.dtype) -> None:
    """Have 4-bit layers multiply in this number format.

    Weights that were published in 4 bits bring the format they were packed with, and transformers takes that in place
    of the one asked for: bf16 on a GPU that has it in software only.
    """
    for module in model.modules():
        if type(module).__name__ == "Linear4bit":
            module.compute_dtype = dtype  # type: ignore[assignment]


def weights_quantization(model: nn.Module) -> str:
    """What the linear layers in memory really are: `nf4`, `int8`, `none`, or another 4-bit type.

    Several kinds are joined by `+`. Layers in main memory that only visit the GPU stay unpacked and do not
    count, nor do those that the architecture itself keeps in fp32.
    """
    exempt = _kept_unpacked(model)
    kinds = set()
    for name in inner_layers(model):
        module: Any = model.get_submodule(name)
        kind = type(module).__name__
        if kind == "Linear4bit":
            kinds.add(str(getattr(module.weight, "quant_type", "4bit")))
        elif kind == "Linear8bitLt":
            kinds.add("int8" if module.weight.dtype == torch.int8 else str(module.weight.dtype))
        elif not any(name == kept or name.startswith(f"{kept}.") for kept in exempt):
            kinds.add("none")
    kinds |= {"none" for name, weight in model.named_parameters() if kinds and _holds_experts(name, weight)}
    return "+".join(sorted(kinds)) or "none"


def check_head(model: nn.Module) -> None:
    """Raise ModelError where the output head itself is quantised, which costs accuracy for little memory."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    if head is not None and is_quantized(head):
        raise ModelError(
            f"The output layer of {type(model).__name__} is quantised ({type(head).__name__}).",
            "an output layer in the model's number format",
            "Choose model.quantization: none, or a base whose published weights are not quantised.",
        )


def _holds_experts(name: str, weight: nn.Parameter) -> bool:
    """Mixtures keep all experts of a layer in one stack of matrices, which bitsandbytes leaves as it is."""
    inside = any(part.isdigit() for part in name.split("."))
    return inside and weight.ndim == 3 and min(weight.shape[1:]) > 16 and weight.is_floating_point()


def _kept_unpacked(model: nn.Module) -> set[str]:
    quantizer: Any = getattr(model, "hf_quantizer", None)
    placed: dict[str, Any] = getattr(model, "hf_device_map", None) or {}
    on_cpu = {name for name, device in placed.items() if str(device) == "cpu"} if len(placed) > 1 else set()
    listed = set(getattr(quantizer, "modules_to_not_convert", None) or []) - {""}
    return on_cpu | (listed if quantizer is not None else set())
