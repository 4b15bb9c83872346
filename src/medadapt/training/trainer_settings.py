"""`training.trainer`: rarer settings of TRL's SFTConfig, by its own names, checked before any work.

A setting is passed on only where it has an effect on a training of prepared examples. The others are
refused, with the key of the recipe that decides them, or because nothing would read them.
"""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any

from medadapt.core.errors import RecipeError, first_line
from medadapt.core.nearest import did_you_mean
from medadapt.core.recipe import Recipe
from medadapt.core.shell_command import install

PASSED_ON = (
    "activation_checkpointing_kwargs", "activation_offloading", "adam_beta1", "adam_beta2", "adam_epsilon",
    "dataloader_num_workers", "dataloader_pin_memory", "dataloader_prefetch_factor", "full_determinism",
    "gradient_checkpointing_kwargs", "label_smoothing_factor", "loss_type", "neftune_noise_alpha", "optim",
    "optim_args", "pad_to_multiple_of", "router_aux_loss_coef", "tf32", "torch_compile",
    "torch_compile_backend", "torch_compile_mode", "torch_empty_cache_steps",
)  # fmt: skip
"""What is handed to SFTConfig as it stands."""

KEY_OF = {
    "learning_rate": "training.learning_rate",
    "per_device_train_batch_size": "training.batch_size and training.micro_tokens",
    "gradient_accumulation_steps": "training.batch_size and training.micro_tokens",
    "auto_find_batch_size": "training.micro_tokens",
    "num_train_epochs": "training.epochs",
    "max_steps": "training.epochs",
    "lr_scheduler_type": "training.schedule",
    "lr_scheduler_kwargs": "training.schedule",
    "warmup_steps": "training.warmup",
    "weight_decay": "training.weight_decay",
    "max_grad_norm": "training.max_grad_norm",
    "activation_checkpointing": "training.checkpointing",
    "gradient_checkpointing": "training.checkpointing",
    "eval_strategy": "training.eval_every",
    "eval_steps": "training.eval_every",
    "logging_steps": "training.log_every",
    "logging_strategy": "training.log_every",
    "report_to": "training.tracking",
    "run_name": "name",
    "seed": "seed",
    "data_seed": "seed",
    "bf16": "model.precision",
    "fp16": "model.precision",
    "model_init_kwargs": "model",
    "trust_remote_code": "model.trust_remote_code",
    "max_length": "examples.max_length",
    "truncation_mode": "examples.long_answer",
    "chat_template_path": "prompt.chat_template",
}
"""What a key of the recipe decides."""
BY_COMMAND = {"output_dir": "-o", "use_cpu": "--device"}
"""What an option of the command line decides."""


def check_trainer_settings(recipe: Recipe) -> None:
    """Raise RecipeError where `training.backend: trl` cannot be used as the recipe asks.

    That is when TRL is not installed, or `training.trainer` holds a setting that SFTConfig does not have,
    that the recipe decides by a key of its own, or that has no effect here.
    """
    if recipe.training.backend != "trl":
        return
    if importlib.util.find_spec("trl") is None:
        raise RecipeError(
            "training.backend is trl, but TRL is not installed.",
            "the package trl",
            f"Install it with `{install('trl')}`, or use training.backend: native.",
        )
    if recipe.lora.variant == "dora" and recipe.model.quantization == "int8":
        raise RecipeError(
            "training.backend trl cannot train lora.variant dora on model.quantization int8: PEFT has no lengths of "
            "weights in 8 bits.",
            "another backend, variant or quantisation",
            "Use training.backend: native, which can, or nf4 weights.",
        )
    if not recipe.training.trainer:
        return
    known = _fields()
    mistakes = [line for name in recipe.training.trainer if (line := _mistake(name, known))]
    if mistakes:
        raise RecipeError(
            "training.trainer has settings that cannot be passed to TRL:\n"
            + "\n".join(f"  {line}" for line in mistakes),
            f"settings among {', '.join(sorted(set(PASSED_ON) & known))}",
            "Correct or remove these lines.",
        )


def refuse_without_gpu(settings: dict[str, Any], device_type: str) -> None:
    """Raise RecipeError for a setting that only a CUDA device can follow."""
    if settings.get("activation_offloading") and device_type != "cuda":
        raise RecipeError(
            f"training.trainer.activation_offloading moves activations off a GPU, but this is {device_type}.",
            "a CUDA device",
            "Remove the setting; training.checkpointing: on saves memory without one.",
        )


def settings_problem(problem: Exception, settings: dict[str, Any]) -> RecipeError:
    """The error for values that SFTConfig or its trainer does not take."""
    return RecipeError(
        f"TRL does not take these settings: {first_line(problem)}.",
        "values that SFTConfig accepts",
        f"Correct training.trainer ({', '.join(sorted(settings)) or 'empty'}), or use training.backend: native.",
    )


def _mistake(name: str, known: set[str]) -> str | None:
    if name in KEY_OF:
        return f"{name}: set {KEY_OF[name]} instead"
    if name in BY_COMMAND:
        return f"{name}: use {BY_COMMAND[name]} on the command line instead"
    if name not in known:
        return f"{name}: SFTConfig has no such setting{did_you_mean(name, known)}"
    if name not in PASSED_ON:
        return (
            f"{name}: it would have no effect here, where MedAdapt prepares the examples, evaluates and saves"
        )
    return None


def _fields() -> set[str]:
    from trl import SFTConfig

    return {field.name for field in dataclasses.fields(SFTConfig)}
