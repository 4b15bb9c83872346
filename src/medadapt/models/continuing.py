"""A forward pass that goes on from kept keys and values instead of reading what stands before again.

Shapes: B rows of T tokens, K kept tokens before them, H hidden width.
"""

from __future__ import annotations

from inspect import signature
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import Cache, DynamicCache

from medadapt.models.agreement import same_states
from medadapt.models.forward import final_hidden

PROBE = (1, 2, 3, 1, 3, 2, 2, 1)

_found: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def continued_hidden(
    model: nn.Module,
    tokens_BT: Tensor,
    kept: Cache,
    *,
    positions_BT: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Hidden states (B, T, H) of tokens that go on from those in `kept`, which holds these, too, afterwards.

    Without `positions_BT` they follow the kept tokens; an architecture that works positions out itself gets none.
    `mask` is None where each token sees all before it, (B, K + T) with 0 for padding, or (B, 1, T, K + T) to be
    added to the attention's weights.
    """
    decoder: Any = model.base_model
    places = {"position_ids": positions_BT} if positions_BT is not None and takes_positions(model) else {}
    hidden_BTH: Tensor = decoder(
        input_ids=tokens_BT,
        attention_mask=mask,
        past_key_values=kept,
        use_cache=True,
        return_dict=True,
        **places,
    ).last_hidden_state
    return hidden_BTH.to(tokens_BT.device)


def takes_positions(model: nn.Module) -> bool:
    """Whether the decoder can be told where its tokens stand."""
    decoder: Any = model.base_model
    return "position_ids" in signature(decoder.forward).parameters


def can_continue(model: nn.Module) -> bool:
    """Whether going on from a plain cache of all tokens gives this architecture's own numbers; tried once."""
    if model not in _found:
        _found[model] = _continues(model)
    return _found[model]


@torch.no_grad()
def _continues(model: nn.Module) -> bool:
    device = next(model.parameters()).device
    tokens_BT = torch.tensor([PROBE, PROBE[::-1]], device=device)
    own_BTH = final_hidden(model, tokens_BT)
    kept = DynamicCache()
    try:
        first_BTH = continued_hidden(model, tokens_BT[:, :3], kept)
        second_BTH = continued_hidden(model, tokens_BT[:, 3:], kept)
    except (AttributeError, IndexError, KeyError, NotImplementedError, TypeError, ValueError):
        return False  # an architecture with a memory of another kind: a state space, a cache of its own
    complete = kept.get_seq_length() == tokens_BT.shape[1]
    ours_BTH = torch.cat([first_BTH, second_BTH], dim=1)
    return complete and same_states(ours_BTH, own_BTH, model, tokens_BT)
