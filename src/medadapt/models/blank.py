"""A model made of its configuration alone, before or without its weights."""

from __future__ import annotations

from typing import Any

from transformers import AutoModelForCausalLM

from medadapt.core.errors import ModelError, first_line


def blank_model(config: Any, **options: Any) -> Any:
    """The causal language model of a configuration, with new weights on the device that is set.

    `options` are those of transformers' `from_config`. Raises ModelError where transformers knows no such model, as
    of an encoder and decoder.
    """
    try:
        return AutoModelForCausalLM.from_config(config, **options)
    except ImportError as problem:
        raise missing_package(f"A base of the type {config.model_type}", problem) from problem
    except (ValueError, KeyError) as problem:
        raise ModelError(
            f"A base of the type {config.model_type} cannot be used ({first_line(problem)}).",
            "a causal language model that transformers knows",
            "Correct model.base.",
        ) from problem


def missing_package(name: str, problem: ImportError) -> ModelError:
    """The error of a base whose code, transformers' or its own, needs a package that is not there."""
    return ModelError(
        f"{name} needs a package that is not installed ({first_line(problem)}).",
        "the packages that the model's code imports",
        "Install the package that is named, with pip into the environment of medadapt, or choose another base.",
    )
