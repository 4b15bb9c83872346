"""Whether two ways through a model agree: checked on each loaded model before the faster one is trusted.

Shapes: B rows of T tokens, H hidden width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.models.forward import final_hidden
from medadapt.models.vocabulary import vocabulary_logits

SAME = {torch.float64: 1e-4, torch.float32: 1e-4}
"""How far two ways to the same hidden states may lie apart, as a share of their length."""
SAME_IN_16_BITS = 0.03
MOST_ROUNDING = 0.3
"""In 16 bits a deep model amplifies rounding; two ways may differ as much as that, but never by more than this."""


def verify_forward(model: nn.Module) -> None:
    """Raise ModelError unless `final_hidden` and `vocabulary_logits` give this architecture's own logits.

    Some architectures change logits after the head in ways of their own; they are refused here, loudly,
    rather than trained and scored wrongly. So are those whose logits depend on later tokens: they would be trained
    to copy the token that they see.
    """
    device = next(model.parameters()).device
    tokens_BT = torch.tensor([[1, 2, 3, 1], [3, 1, 2, 2], [1, 2, 3, 2]], device=device)
    with torch.no_grad():
        own_BTV = model(input_ids=tokens_BT, use_cache=False).logits.float()
        ours_BTV = vocabulary_logits(model, final_hidden(model, tokens_BT)).float()
    if not torch.isfinite(own_BTV).all():
        raise ModelError(
            f"{type(model).__name__} gives numbers that are not finite, before any training.",
            "finite logits",
            "Use model.precision: bf16 or fp32; some models overflow in fp16.",
        )
    spread = float(own_BTV.abs().max())
    if not torch.allclose(own_BTV, ours_BTV, rtol=1e-3, atol=1e-2 * max(spread, 1e-6)):
        raise ModelError(
            f"The architecture {type(model).__name__} treats its output in a way that is not supported.",
            "a decoder followed by one linear output layer",
            "Use another base model, for example of the Llama, Mistral, Qwen, OPT or GPT-2 families.",
        )
    # The first and the last row differ in their last token alone.
    if not torch.allclose(own_BTV[0, :-1], own_BTV[2, :-1], rtol=1e-3, atol=1e-2 * max(spread, 1e-6)):
        raise ModelError(
            f"{type(model).__name__} looks ahead: what it says of a token depends on the tokens after it.",
            "a causal language model",
            "Use another base: embedding models and encoders cannot be trained to write.",
        )


def same_states(ours: Tensor, own: Tensor, model: nn.Module, tokens_BT: Tensor) -> bool:
    """Whether two ways to the same hidden states of a model agree as far as their number format allows.

    In 16 bits that depends on the model: what counts is how far its states for some tokens of the same kind,
    `tokens_BT`, move when every number of their embeddings is rounded the other way.
    """
    apart = _apart(ours, own)
    if own.dtype in SAME:
        return apart <= SAME[own.dtype]
    if apart <= SAME_IN_16_BITS:
        return True
    with torch.no_grad():
        plain = final_hidden(model, tokens_BT)
        with _rounded_otherwise(model):
            moved = _apart(final_hidden(model, tokens_BT), plain)
    return apart <= min(moved, MOST_ROUNDING)


def _apart(ours: Tensor, own: Tensor) -> float:
    # In main memory: Apple's GPUs have no double precision.
    ours, own = (states.detach().cpu().double() for states in (ours, own))
    return float((ours - own).norm() / own.norm())


@contextmanager
def _rounded_otherwise(model: nn.Module) -> Iterator[None]:
    """Every number of the embeddings is one step of its format larger or smaller."""

    def moved(_module: nn.Module, _inputs: Any, states: Tensor) -> Tensor:
        signs = torch.randint(0, 2, states.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
        return states * (1 + torch.finfo(states.dtype).eps * signs.to(states))

    embeddings: nn.Module = model.get_input_embeddings()  # type: ignore[operator]
    hook = embeddings.register_forward_hook(moved)
    try:
        yield
    finally:
        hook.remove()
