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
    except (ValueError, KeyError) as problem:
        raise ModelError(
            f"A base of the type {config.model_type} cannot be used ({first_line(problem)}).",
            "a causal language model that transformers knows",
            "Correct model.base.",
        ) from problem
