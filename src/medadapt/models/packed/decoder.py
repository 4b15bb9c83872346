"""All layers of a loaded Llama-class model, computed on packed rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from medadapt.models.agreement import same_states
from medadapt.models.forward import final_hidden, text_config
from medadapt.models.lora import LoraLinear, lora_layers
from medadapt.models.packed.attention import LONGEST_WRITTEN_OUT, lay_out
from medadapt.models.packed.dropout import draw_pool
from medadapt.models.packed.heads import Heads
from medadapt.models.packed.layer import DecoderLayer, Pass, run_layer
from medadapt.models.packed.projection import refresh, stack
from medadapt.models.packed.rows import PackedRows, pack_rows, shared_length
from medadapt.models.to_device import sent

Marks = tuple[list[int], list[int]]
_made: WeakKeyDictionary[nn.Module, dict[bool, tuple[Marks, PackedDecoder | None]]] = WeakKeyDictionary()
"""Of each model its decoder without an adapter (False) and with one (True): the two take turns while it is asked."""

KNOWN = ("LlamaModel", "MistralModel", "Qwen2Model", "Qwen3Model")
"""Decoders whose layers are built of these parts; that the numbers agree is checked on each loaded model."""
LEAST_SAVED, LEAST_SAVED_SHARE = 32, 0.05
"""Tokens, and share of all tokens, from which on it pays to read the rows' common beginning apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedDecoder:
    """The layers of a model, ready for packed rows."""

    decoder: nn.Module
    layers: tuple[DecoderLayer, ...]
    heads: Heads
    window: int | None
    """Longest row that every token sees to its beginning; None where there is no limit."""
    dropout: float
    widest: int
    """Largest input width of a projection that carries an update; 0 where none does."""

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.layers[0].norm_H.device


def fits_window(packed: PackedDecoder, longest: int) -> bool:
    """Whether every token of rows up to this length sees its row from the beginning."""
    return packed.window is None or longest <= packed.window


def packed_decoder(model: nn.Module) -> PackedDecoder | None:
    """The model's decoder for packed rows; None where its architecture or the way it was loaded is another.

    The frozen weights of layers that read the same input are moved next to each other in memory. It is made once with
    an adapter and once without, and again when the model has got other layers, such as another adapter.
    """
    decoder: Any = model.base_model
    if type(decoder).__name__ not in KNOWN:
        return None
    try:
        parts = [part for layer in decoder.layers for part in _linear_parts(layer)]
    except AttributeError:
        return None  # layers that somebody has put something around
    known = _made.setdefault(model, {})
    adapted = any(isinstance(part, LoraLinear) for part in parts)
    if adapted not in known or known[adapted][0] != _marks(parts):
        made = _packed(model, decoder)  # which may move the weights
        marks = _marks(parts)
        known[adapted] = (marks, made)
        if (other := known.get(not adapted)) and other[0][1] != marks[1]:
            del known[not adapted]  # of weights that the model has no more, which it would keep in memory
    return known[adapted][1]


def _marks(parts: Sequence[nn.Module]) -> Marks:
    """What tells whether the layers are still the same, and whether their frozen weights are."""
    bases = [part.base if isinstance(part, LoraLinear) else part for part in parts]
    return [id(part) for part in parts], [base.weight.data_ptr() for base in bases]  # type: ignore[operator]


def _packed(model: nn.Module, decoder: Any) -> PackedDecoder | None:
    if not _is_known(model, decoder):
        return None
    config = text_config(model)
    width = int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)
    attention = decoder.layers[0].self_attn
    heads = Heads(
        query=int(config.num_attention_heads),
        key=int(config.num_key_value_heads),
        width=width,
        scale=float(attention.scaling),
    )
    loras = [layer for _, layer in lora_layers(model)]
    found = PackedDecoder(
        decoder=decoder,
        layers=tuple(_layer(layer, 4 * place, heads) for place, layer in enumerate(decoder.layers)),
        heads=heads,
        window=_window(config),
        dropout=loras[0].dropout if loras else 0.0,
        widest=max((layer.lora_A.shape[1] for layer in loras), default=0),
    )
    return found if _agrees(found, model) else None


def pack_for(packed: PackedDecoder, rows: Sequence[Sequence[int]]) -> PackedRows:
    """Rows in packed form; what all of them begin with is read once where that saves enough.

    On a CPU only, where attention is written out: a fused kernel is slower with a mask than without.
    """
    longest, shortest = max(map(len, rows)), min(map(len, rows))
    shared = 0
    if packed.device.type == "cpu" and longest <= LONGEST_WRITTEN_OUT:
        shared = min(shared_length(rows), shortest - 1)
    saved = (len(rows) - 1) * shared
    enough = max(LEAST_SAVED, LEAST_SAVED_SHARE * sum(map(len, rows)))
    return pack_rows(rows, shared=shared if saved >= enough else 0)


def packed_hidden(
    packed: PackedDecoder,
    rows: PackedRows,
    keep_K: Tensor | None = None,
    *,
    mask_seed: int | None = None,
    recompute: bool = False,
) -> Tensor:
    """Hidden states after the last norm at the places `keep_K` of all tokens, (K, H), or of all, (N, H).

    `mask_seed` draws the dropout masks; None means no dropout. With `recompute` each layer keeps its input
    alone and is computed again in the backward pass.
    """
    decoder: Any = packed.decoder
    device = packed.device
    refresh(projection for layer in packed.layers for projection in layer.projections)
    x_NH: Tensor = decoder.embed_tokens(sent(rows.tokens_N, device))
    cos, sin = decoder.rotary_emb(x_NH[None], sent(rows.positions_N[None], device))
    masks = None
    if mask_seed is not None and packed.dropout and packed.widest:
        # A learned token of a common beginning is kept once for every row: more may be kept than were read.
        most = max(rows.num_tokens, 0 if keep_K is None else len(keep_K))
        masks = draw_pool(
            share=packed.dropout,
            seed=mask_seed,
            largest=most * packed.widest,
            dtype=x_NH.dtype,
            device=device,
        )
    over = Pass(
        layout=lay_out(rows, packed.heads, device, x_NH.dtype),
        cos_ND=cos[0],
        sin_ND=sin[0],
        masks=masks,
        recompute=recompute,
    )
    for number, layer in enumerate(packed.layers):
        is_last = number == len(packed.layers) - 1
        x_NH = run_layer(x_NH, layer, over, keep_K if is_last else None)
    return decoder.norm(x_NH)


def _is_known(model: nn.Module, decoder: Any) -> bool:
    """Whether the layers are of the known kind, all on one device, and their weights plain matrices."""
    if text_config(model).hidden_act != "silu":
        return False
    places = {(weight.device, weight.dtype) for weight in decoder.parameters() if not weight.requires_grad}
    hooked = any(hasattr(module, "_hf_hook") for module in decoder.modules())
    linear = [module for layer in decoder.layers for module in _linear_parts(layer)]
    plain = all(type(part) in {nn.Linear, LoraLinear} for part in linear) and all(
        type(part.base) is nn.Linear for part in linear if isinstance(part, LoraLinear)
    )
    return len(places) == 1 and not hooked and plain


def _linear_parts(layer: Any) -> list[nn.Module]:
    attention, mlp = layer.self_attn, layer.mlp
    return [
        attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj,
        mlp.gate_proj, mlp.up_proj, mlp.down_proj,
    ]  # fmt: skip


def _layer(layer: Any, place: int, heads: Heads) -> DecoderLayer:
    parts = _linear_parts(layer)
    projections = [
        stack(group, place=place + number)
        for number, group in enumerate((parts[:3], parts[3:4], parts[4:6], parts[6:]))
    ]
    heads_norm = None
    if (of_query := getattr(layer.self_attn, "q_norm", None)) is not None:
        of_key = layer.self_attn.k_norm
        heads_norm = torch.cat(
            [of_query.weight.expand(heads.query, -1), of_key.weight.expand(heads.key, -1)]
        ).detach()
    return DecoderLayer(
        vectors=projections[0],
        output=projections[1],
        inner=projections[2],
        down=projections[3],
        norm_H=layer.input_layernorm.weight.detach(),
        mlp_norm_H=layer.post_attention_layernorm.weight.detach(),
        heads_norm=heads_norm,
        eps=float(layer.input_layernorm.variance_epsilon),
    )


def _window(config: Any) -> int | None:
    kinds = set(getattr(config, "layer_types", None) or [])
    if kinds == {"full_attention"}:
        return None
    return getattr(config, "sliding_window", None)


@torch.no_grad()
def _agrees(packed: PackedDecoder, model: nn.Module) -> bool:
    """Whether rows of unequal length get the hidden states of the model's own modules."""
    device = packed.device
    rows = [[1, 2, 3, 1, 2], [3, 1, 2], [2, 2, 1, 3]]
    tokens_BT = torch.tensor([row + [0] * (5 - len(row)) for row in rows], device=device)
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        own_BTH = final_hidden(model, tokens_BT)
        own_NH = torch.cat([own_BTH[number, : len(row)] for number, row in enumerate(rows)])
        ours_NH = packed_hidden(packed, pack_rows(rows))[: len(own_NH)]
        return same_states(ours_NH, own_NH, model, tokens_BT)
    finally:
        for module in training:
            module.training = True
