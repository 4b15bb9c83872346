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


def text_config(model: nn.Module) -> Any:
    """The part of a model's configuration that describes its language model."""
    return cast(Any, model).config.get_text_config()
