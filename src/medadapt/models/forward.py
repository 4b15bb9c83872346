"""One forward pass that computes no more than is asked for.

Rows are padded on the right and carry no attention mask: in a causal model a real token never sees what
stands to its right, so its numbers are the same with and without the padding, and the fast causal
attention kernel stays in use.

Shapes: B rows of T tokens, H hidden width.
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn


def final_hidden(model: nn.Module, tokens_BT: Tensor) -> Tensor:
    """Hidden states after the last layer and its norm, (B, T, H), for right-padded token rows.

    They lie where the tokens lie, also where the layers are spread over several devices.
    """
    decoder: Any = model.base_model
    hidden_BTH: Tensor = decoder(input_ids=tokens_BT, use_cache=False, return_dict=True).last_hidden_state
    return hidden_BTH.to(tokens_BT.device)


def context_of(config: Any) -> int | None:
    """Most tokens that a model with this configuration reads; None where it does not say.

    Rotary positions of the kind `longrope` have two sets of factors and choose by the longest row of a batch: the
    numbers of a row would hang on its neighbours. Such a model is read up to the length at which it changes over.
    """
    config = config.get_text_config()
    most: int | None = getattr(config, "max_position_embeddings", None)
    rope = getattr(config, "rope_parameters", None) or {}
    kinds = [kind for kind in (rope, *rope.values()) if isinstance(kind, dict)]
    changes = [
        kind.get("original_max_position_embeddings")
        or getattr(config, "original_max_position_embeddings", None)
        for kind in kinds
        if kind.get("rope_type") == "longrope"
    ]
    return min((length for length in (most, *changes) if length), default=None)


def text_config(model: nn.Module) -> Any:
    """The part of a model's configuration that describes its language model."""
    return cast(Any, model).config.get_text_config()
