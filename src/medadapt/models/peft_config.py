"""What PEFT writes into `adapter_config.json`, without PEFT, whose import takes longer than a small training.

`tests/models/test_peft_config.py` holds it against the PEFT that is installed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medadapt.models.lora import Variant

DEFAULTS: dict[str, Any] = {
    "alora_invocation_tokens": None,
    "alpha_pattern": {},
    "arrow_config": None,
    "auto_mapping": None,
    "base_model_name_or_path": None,
    "bias": "none",
    "corda_config": None,
    "ensure_weight_tying": False,
    "eva_config": None,
    "exclude_modules": None,
    "fan_in_fan_out": False,
    "inference_mode": False,
    "init_lora_weights": True,
    "kasa_config": None,
    "layer_replication": None,
    "layers_pattern": None,
    "layers_to_transform": None,
    "loftq_config": {},
    "lora_alpha": 8,
    "lora_bias": False,
    "lora_dropout": 0.0,
    "lora_ga_config": None,
    "megatron_config": None,
    "megatron_core": "megatron.core",
    "modules_to_save": None,
    "monteclora_config": None,
    "peft_type": "LORA",
    "qalora_group_size": 16,
    "r": 8,
    "rank_pattern": {},
    "revision": None,
    "target_modules": None,
    "target_parameters": None,
    "task_type": None,
    "trainable_token_indices": None,
    "use_bdlora": None,
    "use_dora": False,
    "use_qalora": False,
    "use_rslora": False,
    "velora_config": None,
}
"""Every setting of a LoRA adapter as PEFT 0.21 leaves it; a PEFT that knows more takes its own value for the rest."""


def lora_config_text(
    *,
    rank: int,
    alpha: float,
    dropout: float,
    variant: Variant,
    targets: Sequence[str],
    base: str,
    revision: str | None,
    transposed: bool,
) -> str:
    """The text of the file. `transposed`: whether adapted layers hold their weights the other way round (GPT-2)."""
    values = DEFAULTS | {
        "base_model_name_or_path": base,
        "fan_in_fan_out": transposed,
        "inference_mode": True,
        "lora_alpha": int(alpha) if float(alpha).is_integer() else alpha,  # Ollama reads whole numbers only
        "lora_dropout": dropout,
        "peft_version": version("peft"),
        "r": rank,
        "revision": revision,  # of the base
        "target_modules": sorted(set(targets)),
        "task_type": "CAUSAL_LM",
        "use_dora": variant == "dora",
        "use_rslora": variant == "rslora",
    }
    return json.dumps(values, indent=2, sort_keys=True)
