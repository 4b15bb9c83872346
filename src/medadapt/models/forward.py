"""One forward pass that computes no more than is asked for.

Rows are padded on the right and carry no attention mask: in a causal model a real token never sees what
stands to its right, so its numbers are the same with and without the padding, and the fast causal
attention kernel stays in use. Logits are made only for the positions that are needed.

Shapes: B rows of T tokens, H hidden width, N selected positions, V vocabulary.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from medadapt.core.errors import ModelError
from medadapt.models.linear import working_device

SAME = {torch.float64: 1e-4, torch.float32: 1e-4}
"""How far two ways to the same hidden states may lie apart, as a share of their length."""
SAME_IN_16_BITS = 0.03


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
    logits_NV: Tensor = head(hidden_NH.to(working_device(head))).to(hidden_NH.device)
    cap = getattr(text_config(model), "final_logit_softcapping", None)
    if cap:
        logits_NV = torch.tanh(logits_NV / cap) * cap
    return logits_NV


def text_config(model: nn.Module) -> Any:
    """The part of a model's configuration that describes its language model."""
    return cast(Any, model).config.get_text_config()


def same_states(ours: Tensor, own: Tensor) -> bool:
    """Whether two ways to the same hidden states agree as far as their number format allows."""
    limit = SAME.get(own.dtype, SAME_IN_16_BITS)
    return bool((ours.double() - own.double()).norm() <= limit * own.double().norm())


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
