"""A switch for each technique of the engine: what takes its place while a step is timed without it.

The plain ways are written as a careful programmer would write them, so that a technique is held against good code.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from medadapt.examples.masking import IGNORED
from medadapt.models.dropout import silenced
from medadapt.models.packed import attention, decoder, layer, projection, rows
from medadapt.training import batches, loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One technique, and how a step is made without it, or with one that the engine does not have."""

    does: str
    kept: bool = True
    """Whether the engine has it. If not, the switch puts it in."""
    applied: Callable[[], AbstractContextManager[None]] = nullcontext
    is_packed: bool = True
    is_even: bool = True
    """Whether padded rows of one micro-batch are nearly as long as each other."""
    beside: str | None = None
    """The way that it is held against, where that is not the engine with all that it has."""
    recompute: bool = False
    precision: str | None = None
    """The number format of the weights, where it is not that which the engine chooses."""
    needs: str | None = None
    """A program that has to be there."""

    @property
    def missing(self) -> str | None:
        """Why it cannot be measured here."""
        return f"{self.needs} is not there" if self.needs and shutil.which(self.needs) is None else None


@contextmanager
def _instead(*replaced: tuple[Any, str, Any]) -> Iterator[None]:
    before = [(module, name, getattr(module, name)) for module, name, _ in replaced]
    for module, name, value in replaced:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)


def _exact(size: int, **_: Any) -> int:
    return size


class _FreshMasks:
    """A mask of its own for each projection, drawn in the forward pass and kept for the backward pass."""

    def __init__(
        self, *, share: float, seed: int, dtype: torch.dtype, device: torch.device, **_: Any
    ) -> None:
        self.share, self.seed, self.dtype, self.device = share, seed, dtype, device
        self.kept = 1 - share
        self.drawn: dict[int, Tensor] = {}

    def window(self, place: int, num_rows: int, width: int) -> Tensor:
        if place not in self.drawn:
            silent = silenced(torch.Size([num_rows, width]), self.share, self.seed + place, self.device)
            self.drawn[place] = (~silent).to(self.dtype)
        return self.drawn[place]


def _whole_last_layer(packed: Any, lying: Any, keep_K: Tensor, **options: Any) -> Tensor:
    return decoder.packed_hidden(packed, lying, None, **options).index_select(0, keep_K)


def _everywhere(packed: Any, some: Any, **options: Any) -> tuple[Tensor, Tensor]:
    """Hidden states of all tokens, and a target for each; IGNORED where nothing is learned."""
    lying = decoder.pack_for(packed, [row["input_ids"] for row in some])
    targets_N = torch.full((lying.num_tokens,), IGNORED)
    for number, row in enumerate(some):
        wanted = torch.as_tensor(row["labels"])[1:]
        learned = torch.nonzero(wanted != IGNORED)[:, 0]
        targets_N[torch.as_tensor(lying.places(number, learned.numpy()))] = wanted[learned]
    return decoder.packed_hidden(packed, lying, None, **options), targets_N


def _plain_nll(logits_NV: Tensor, targets_N: Tensor, *, factor: float = 1.0) -> Tensor:
    wide = logits_NV.to(torch.promote_types(logits_NV.dtype, torch.float32))
    return functional.cross_entropy(wide, targets_N, ignore_index=IGNORED, reduction="sum") * factor


def _pieces(one: Any) -> list[slice]:
    """The outputs of each LoRA layer of a projection."""
    return [slice(start, start + len(lora.lora_B)) for start, lora in zip(one.starts, one.loras, strict=True)]


def _ranks(one: Any) -> list[slice]:
    ends = torch.tensor([len(lora.lora_A) for lora in one.loras]).cumsum(0).tolist()
    return [slice(end - len(lora.lora_A), end) for end, lora in zip(ends, one.loras, strict=True)]


def _project_apart(x_NI: Tensor, one: Any, masks: Any) -> tuple[Tensor, Tensor]:
    """Each layer's products for themselves; outputs lie where those of the stacked product would."""
    y_NO = x_NI.new_empty(len(x_NI), len(one.weight_OI))
    left_NI = projection._left(x_NI, projection._mask(x_NI, one, masks))
    low_NR = x_NI.new_empty(len(x_NI), len(one.down_RI))
    for outputs, rank in zip(_pieces(one), _ranks(one), strict=True):
        weight, y = one.weight_OI[outputs], y_NO[:, outputs]
        if one.bias_O is None:
            torch.mm(x_NI, weight.T, out=y)
        else:
            torch.addmm(one.bias_O[outputs], x_NI, weight.T, out=y)
        torch.mm(left_NI, one.down_RI[rank].T, out=low_NR[:, rank])
        y.addmm_(low_NR[:, rank], one.up_OR[outputs, rank].T, alpha=projection._factor(one, masks))
    return y_NO, low_NR


def _backward_apart(
    grad_NO: Tensor, x_NI: Tensor, low_NR: Tensor, one: Any, masks: Any
) -> tuple[Tensor, list[Tensor]]:
    mask_NI, factor = projection._mask(x_NI, one, masks), projection._factor(one, masks)
    left_NI = projection._left(x_NI, mask_NI)
    to_x_NI, to_left_NI = torch.zeros_like(x_NI), torch.zeros_like(x_NI)
    grads = []
    for lora, outputs, rank in zip(one.loras, _pieces(one), _ranks(one), strict=True):
        grad = grad_NO[:, outputs]
        to_x_NI.addmm_(grad, one.weight_OI[outputs])
        to_low = (grad @ one.up_OR[outputs, rank]).mul_(factor)
        to_left_NI.addmm_(to_low, one.down_RI[rank])
        grads += [
            (to_low.T @ left_NI).to(lora.lora_A.dtype),
            (grad.T @ (low_NR[:, rank] * factor)).to(lora.lora_B.dtype),
        ]
    return (to_x_NI.add_(to_left_NI) if mask_NI is None else to_x_NI.addcmul_(to_left_NI, mask_NI)), grads


class _Prepacked:
    """Frozen weights in oneDNN's own layout, for products with these and with their transposes."""

    def __init__(self) -> None:
        self.made: dict[tuple[int, bool], Tensor] = {}

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if len(weight) < 256 or weight.shape[1] < 256:  # an adapter's, which changes in every step
            return functional.linear(x, weight, bias)
        return self._product(x, weight, bias, turned=False)

    def back(self, grad_NO: Tensor, x_NI: Tensor, low_NR: Tensor, one: Any, masks: Any) -> Any:
        to_x_NI = self._product(grad_NO, one.weight_OI, None, turned=True)
        mask_NI = projection._mask(x_NI, one, masks)
        to_low_NR, grads = projection._update_backward(
            grad_NO, projection._left(x_NI, mask_NI), low_NR, one, masks
        )
        if mask_NI is None:
            return to_x_NI.addmm_(to_low_NR, one.down_RI), grads
        return to_x_NI.addcmul_(to_low_NR @ one.down_RI, mask_NI), grads

    def _product(self, x: Tensor, weight: Tensor, bias: Tensor | None, *, turned: bool) -> Tensor:
        key = (weight.data_ptr(), turned)
        if key not in self.made:
            matrix = (weight.T if turned else weight).detach().contiguous()
            self.made[key] = torch.ops.mkldnn._reorder_linear_weight(matrix, len(x))
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.made[key], bias, "none", [], "")
        return result


class _Functional:
    """torch.nn.functional with another `linear`."""

    def __init__(self, linear: Callable[..., Tensor]) -> None:
        self.linear = linear


def _prepacked() -> AbstractContextManager[None]:
    packed = _Prepacked()  # anew: another model's weights may lie where these did
    return _instead(
        (projection, "functional", _Functional(packed.linear)), (layer, "project_backward", packed.back)
    )


@contextmanager
def _compiled() -> Iterator[None]:
    with _instead(*((layer, name, compiled) for name, compiled in _made_by_compiler().items())):
        yield


@cache
def _made_by_compiler() -> dict[str, Any]:
    names = ("rms_norm", "rms_norm_backward", "scaled", "rotate_")
    return {name: torch.compile(getattr(layer, name), dynamic=True) for name in names}


ALL = Switch(does="all that the engine has")
SWITCHES = {
    "packed": Switch(
        does="rows without padding, and a decoder layer as one function (else transformers' modules, padded)",
        is_packed=False,
    ),
    "even": Switch(
        does="where rows are padded, micro-batches with little padding (else a step is one rectangle)",
        is_packed=False, is_even=False, beside="packed",
    ),
    "stacked": Switch(
        does="q, k, v and gate, up as one product each",
        applied=partial(
            _instead, (layer, "project", _project_apart), (layer, "project_backward", _backward_apart)
        ),
    ),
    "sizes": Switch(
        does="numbers of tokens rounded up to sizes that repeat",
        applied=partial(_instead, *((module, "rounded_up", _exact) for module in (rows, loss, batches))),
    ),
    "beginning": Switch(
        does="what all rows begin with is read once", applied=partial(_instead, (decoder, "LEAST_SAVED", 1 << 40))
    ),
    "attention": Switch(
        does="attention over short rows as plain products (else torch's fused kernel)",
        applied=partial(_instead, (attention, "LONGEST_WRITTEN_OUT", 0), (decoder, "LONGEST_WRITTEN_OUT", 0)),
    ),
    "trimmed": Switch(
        does="the last layer goes on with learned positions only",
        applied=partial(_instead, (loss, "packed_hidden", _whole_last_layer)),
    ),
    "head": Switch(
        does="the last layer and the vocabulary's head at learned positions only",
        applied=partial(_instead, (loss, "_packed_hidden", _everywhere)),
    ),
    "loss": Switch(
        does="logits become their own gradient (else torch's cross entropy)",
        applied=partial(_instead, (loss, "summed_nll", _plain_nll)),
    ),
    "masks": Switch(
        does="dropout masks from one pool (else one drawn for each product)",
        applied=partial(_instead, (decoder, "draw_pool", _FreshMasks)),
    ),
    "kept": Switch(does="activations kept where they fit (else computed again)", recompute=True),
    "16 bits": Switch(does="frozen weights and products in bf16 (else fp32)", precision="fp32"),
    "prepacked": Switch(
        does="frozen weights in oneDNN's layout beforehand", kept=False, applied=_prepacked
    ),
    "compiled": Switch(
        does="norms and rotations through torch.compile", kept=False, applied=_compiled, needs="g++"
    ),
}  # fmt: skip
