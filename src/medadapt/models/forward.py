"""One forward pass that computes no more than is asked for.

Rows are padded on the right and carry no attention mask: in a causal model a real token never sees what
stands to its right, so its numbers are the same with and without the padding, and the fast causal
attention kernel stays in use. Logits are made only for the positions that are needed.

Shapes: B rows of T tokens, H hidden width, N selected positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from medadapt.core.errors import ModelError
from medadapt.models.linear import working_device

SAME = {torch.float64: 1e-4, torch.float32: 1e-4}
"""How far two ways to the same hidden states may lie apart, as a share of their length."""
SAME_IN_16_BITS = 0.03
PIECE = 1600
"""Tokens of the vocabulary in a piece on a CPU."""
MOST_ROUNDING = 0.3
"""In 16 bits a deep model amplifies rounding; two ways may differ as much as that, but never by more than this."""


def final_hidden(model: nn.Module, tokens_BT: Tensor) -> Tensor:
    """Hidden states after the last layer and its norm, (B, T, H), for right-padded token rows.

    They lie where the tokens lie, also where the layers are spread over several devices.
    """
    decoder: Any = model.base_model
    hidden_BTH: Tensor = decoder(input_ids=tokens_BT, use_cache=False, return_dict=True).last_hidden_state
    return hidden_BTH.to(tokens_BT.device)


def vocabulary_logits(model: nn.Module, hidden_NH: Tensor) -> Tensor:
    """Logits (N, V) of selected hidden states, on their device and in the model's number format."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    return _capped(model, head(hidden_NH.to(working_device(head))).to(hidden_NH.device))


def vocabulary_pieces(model: nn.Module, hidden_NH: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Logits as (first token, logits (N, W) of W tokens), piece by piece; together they are `vocabulary_logits`.

    A piece's weights stay in a CPU's cache while all hidden states meet them. On other devices, and where the head is
    more than one matrix, all logits are one piece.
    """
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    if (width := piece_width(model)) is None:
        yield 0, vocabulary_logits(model, hidden_NH)
        return
    for start in range(0, len(head.weight), width):
        bias = None if head.bias is None else head.bias[start : start + width]
        yield start, _capped(model, functional.linear(hidden_NH, head.weight[start : start + width], bias))


def piece_width(model: nn.Module) -> int | None:
    """Tokens in a piece of the vocabulary; None where all are one piece."""
    head: Any = model.get_output_embeddings()  # type: ignore[operator]
    plain = type(head) is nn.Linear and not hasattr(head, "_hf_hook")
    return PIECE if plain and head.weight.device.type == "cpu" else None


def _capped(model: nn.Module, logits: Tensor) -> Tensor:
    cap = getattr(text_config(model), "final_logit_softcapping", None)
    return torch.tanh(logits / cap) * cap if cap else logits


def text_config(model: nn.Module) -> Any:
    """The part of a model's configuration that describes its language model."""
    return cast(Any, model).config.get_text_config()


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
    return float((ours.double() - own.double()).norm() / own.double().norm())


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


def verify_forward(model: nn.Module) -> None:
    """Raise ModelError unless the two functions above give this architecture's own logits.

    Some architectures change logits after the head in ways of their own; they are refused here, loudly,
    rather than trained and scored wrongly.
    """
    device = next(model.parameters()).device
    tokens_BT = torch.tensor([[1, 2, 3, 1], [3, 1, 2, 2]], device=device)
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
