"""Attention of packed rows, forwards and backwards.

On a CPU the fused kernel's backward pass takes several times as long as plain matrix products when rows are
short, so up to `LONGEST_WRITTEN_OUT` tokens these are used; longer rows take the fused kernel. Branches, which see
more than themselves, are read only and have no backward pass.

B rows of T tokens in a block, A query heads, K key heads, G = A / K, D numbers a head, N tokens in all; S tokens that
a branch sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from medadapt.models.packed.heads import Heads
from medadapt.models.packed.rows import Block, PackedRows
from medadapt.models.packed.varlen import Spans, attend_spans, attend_spans_backward, spans_of
from medadapt.models.to_device import sent

LONGEST_WRITTEN_OUT = 384
WEIGHTS_AT_ONCE = 1 << 20
"""Attention weights of branches in memory at a time, where one row has no more: they stay in the processor's cache."""
MOST_WEIGHTS = 1 << 26
"""A row with more of them takes the fused kernel, which never holds them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    """What the backward pass of one block needs."""

    queries: Tensor
    keys: Tensor
    values: Tensor
    shares: Tensor | None
    """Attention weights (K B, G T, T); None where the fused kernel keeps its own."""
    fused: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where the heads of every token lie in the blocks, and back; the same for all layers."""

    heads: Heads
    to_blocks: tuple[tuple[Tensor, Tensor, Tensor], ...]
    """Of each block the places of its queries, keys and values among the vectors of all tokens."""
    from_blocks: Tensor | None
    """Where each vector of each token lies among those of all blocks, in the order of the token's vectors; keys and
    values of a common beginning lie in its own block alone.

    None where there are branches.
    """
    outputs: Tensor
    """Where each head of each token lies among the outputs of all blocks."""
    output_places: tuple[Tensor, ...]
    """Of each block the places of its outputs among the heads of all tokens."""
    lengths: tuple[int, ...]
    """Of each block how many tokens a row may see: T, or S."""
    shared: int
    """Tokens of the common beginning, which is the first block; rows of all other blocks see them first."""
    masks: tuple[Tensor | None, ...]
    """What is added to the attention weights of branches, (B, T, S); None where a block has rows."""
    real: tuple[Tensor | None, ...]
    """Which places (B, T) of each block hold a token of their own; None where all do."""


def lay_out(rows: PackedRows, heads: Heads, device: torch.device, dtype: torch.dtype) -> Layout | Spans:
    """The places of every head of every token, on a device; masks in the number format `dtype`.

    Spans instead where one kernel attends to all rows.
    """
    if (spans := spans_of(rows, heads, device, dtype)) is not None:
        return spans
    per = heads.query // heads.key
    query_KG = torch.arange(heads.query).view(heads.key, per)
    key_K = torch.arange(heads.key)
    to_blocks, output_places, real, masks = [], [], [], []
    has_branches = any(block.sees_BTS is not None for block in rows.blocks)
    from_N = torch.full((rows.num_tokens, heads.rows), -1)
    outputs_N = torch.zeros(rows.num_tokens, heads.query, dtype=torch.long)
    start_all = start_out = 0
    for block in rows.blocks:
        places_BT = block.places_BT
        masks.append(_mask(block, dtype, device))
        # Queries that share a key lie together: (K, B, G, T).
        grid = query_KG[:, None, :, None] + 0 * places_BT[None, :, None, :]
        token = places_BT[None, :, None, :].expand_as(grid)
        queries = (token * heads.rows + grid).flatten()
        seen_BS = places_BT if block.seen_BS is None else block.seen_BS
        own_keys = heads.key * places_BT.numel()
        keys = (key_K[:, None, None] + heads.query + seen_BS[None] * heads.rows).flatten()
        to_blocks.append((queries, keys, keys + heads.key))
        output_places.append((token * heads.query + grid).flatten())
        real.append(block.real_BT)
        is_real = torch.ones_like(places_BT, dtype=torch.bool) if block.real_BT is None else block.real_BT
        where = places_BT[is_real]
        of_query = torch.arange(queries.numel()).view(grid.shape).permute(1, 3, 0, 2)[is_real].flatten(1)
        if not has_branches:
            of_key = torch.arange(own_keys).view(heads.key, *places_BT.shape).permute(1, 2, 0)[is_real]
            from_N[where, : heads.query] = start_all + of_query
            from_N[where, heads.query : heads.query + heads.key] = start_all + queries.numel() + of_key
            from_N[where, heads.query + heads.key :] = start_all + queries.numel() + own_keys + of_key
        outputs_N[where] = start_out + of_query
        start_all += queries.numel() + 2 * own_keys
        start_out += queries.numel()
    from_N[from_N < 0] = start_all  # tokens of no row: the zeros behind all gradients
    return Layout(
        heads=heads,
        to_blocks=tuple(tuple(sent(place, device) for place in places) for places in to_blocks),  # type: ignore[misc]
        from_blocks=None if has_branches else sent(from_N.flatten(), device),
        outputs=sent(outputs_N.flatten(), device),
        output_places=tuple(sent(place, device) for place in output_places),
        lengths=tuple(
            (block.places_BT if block.seen_BS is None else block.seen_BS).shape[1] for block in rows.blocks
        ),
        shared=rows.shared,
        masks=tuple(masks),
        real=tuple(None if one is None else sent(one, device) for one in real),
    )


def attend(vectors_NC: Tensor, layout: Layout | Spans) -> tuple[Tensor, list[Attended]]:
    """Queries, keys and values of every token, (N, (A + 2 K) D), -> (N, A D) and what `attend_backward` needs."""
    if isinstance(layout, Spans):
        out_NC, (queries, keys, values, fused) = attend_spans(vectors_NC, layout)
        return out_NC, [Attended(queries=queries, keys=keys, values=values, shares=None, fused=fused)]
    heads = layout.heads
    vectors = vectors_NC.view(-1, heads.width)
    found, outputs = [], []
    for places, length, mask_BTS in zip(layout.to_blocks, layout.lengths, layout.masks, strict=True):
        batch = len(places[1]) // length
        queries, keys, values = (
            vectors.index_select(0, place).view(batch, -1, heads.width) for place in places
        )
        if mask_BTS is not None:
            # A kernel may lay its outputs out as (B, T, A, D), and then not every view of them is possible.
            outputs.append(_seen(queries, keys, values, mask_BTS, heads).reshape(-1, heads.width))
            continue
        one = attend_rows(queries, keys, values, heads, written_out=_is_short(keys))
        found.append(one)
        outputs.append(_output(one).reshape(-1, heads.width))
    joined = outputs[0] if len(outputs) == 1 else torch.cat(outputs)
    return joined.index_select(0, layout.outputs).view(len(vectors_NC), -1), found


def attend_backward(grad_NC: Tensor, layout: Layout | Spans, found: list[Attended]) -> Tensor:
    """Gradient with respect to the vectors, (N, (A + 2 K) D)."""
    if isinstance(layout, Spans):
        (one,) = found
        assert one.fused is not None
        return attend_spans_backward(grad_NC, (one.queries, one.keys, one.values, one.fused))
    if layout.from_blocks is None:
        raise NotImplementedError("branches have no backward pass")
    heads = layout.heads
    grads = grad_NC.reshape(-1, heads.width)
    pieces: list[Tensor] = []
    for real_BT, places, one in zip(layout.real, layout.output_places, found, strict=True):
        grad = grads.index_select(0, places).view_as(one.queries)
        if real_BT is not None:
            grad = _without_padding(grad, real_BT, heads)
        to_queries, *to_seen = attend_rows_backward(grad, one, heads)
        if layout.shared and pieces:
            to_seen = [
                _own(piece, of_first, layout) for piece, of_first in zip(to_seen, pieces[1:3], strict=True)
            ]
        pieces += [to_queries, *to_seen]
    pieces.append(grads.new_zeros(1, 1, heads.width))
    flat = torch.cat([piece.reshape(-1, heads.width) for piece in pieces])
    return flat.index_select(0, layout.from_blocks).view(len(grad_NC), -1)


def _own(to_seen: Tensor, to_first: Tensor, layout: Layout) -> Tensor:
    """Of the gradient of keys or values (K B, S, D) that of the rows' own, (K B, T, D).

    That of the common beginning is added to `to_first`, the gradient (K, T, D) of the first block, in place.
    """
    heads, shared = layout.heads, layout.shared
    of_beginning = to_seen.view(heads.key, -1, *to_seen.shape[1:])[:, :, :shared].sum(1)
    to_first[:, :shared].add_(of_beginning)
    return to_seen[:, shared:]


def attend_rows(
    queries: Tensor, keys: Tensor, values: Tensor, heads: Heads, *, written_out: bool
) -> Attended:
    """(K B, G T, D) queries against (K B, S, D) keys and values, as plain products or by the fused kernel.

    A query sees the keys before the last T, and of these T its own and those before.
    """
    per = heads.query // heads.key
    length = queries.shape[1] // per
    before = keys.shape[1] - length
    if written_out:
        mask = causal_mask(length, per, queries.dtype, queries.device, before=before)
        scores = torch.baddbmm(mask, queries, keys.transpose(1, 2), alpha=heads.scale)
        shares = scores.softmax(-1)
        return Attended(queries=queries, keys=keys, values=values, shares=shares, fused=None)
    with torch.enable_grad():
        leaves = [piece.detach().requires_grad_() for piece in (queries, keys, values)]
        fused = _fused(*leaves, heads=heads, before=before)
    return Attended(queries=leaves[0], keys=leaves[1], values=leaves[2], shares=None, fused=fused)


def _mask(block: Block, dtype: torch.dtype, device: torch.device) -> Tensor | None:
    if block.sees_BTS is None:
        return None
    mask = torch.zeros(block.sees_BTS.shape, dtype=dtype)
    return mask.masked_fill_(block.sees_BTS.logical_not(), float("-inf")).to(device)


def _seen(queries: Tensor, keys: Tensor, values: Tensor, mask_BTS: Tensor, heads: Heads) -> Tensor:
    """(K B, G T, D) queries against the (K B, S, D) keys and values that the mask leaves, without a backward pass."""
    batch, length, width = mask_BTS.shape
    of_row = heads.query * length * width
    if queries.device.type != "cpu" or of_row > MOST_WEIGHTS:
        query, key, value = (
            piece.view(heads.key, batch, -1, heads.width).transpose(0, 1) for piece in (queries, keys, values)
        )
        if (per := heads.query // heads.key) > 1:
            # On a GPU one fused kernel takes no mask, and the other no heads that share a key.
            key, value = key.repeat_interleave(per, dim=1), value.repeat_interleave(per, dim=1)
        out = functional.scaled_dot_product_attention(
            query.reshape(batch, heads.query, length, heads.width), key, value,
            attn_mask=mask_BTS[:, None], scale=heads.scale,
        )  # fmt: skip
        return out.reshape(batch, heads.key, -1, heads.width).transpose(0, 1).reshape(queries.shape)
    output = torch.empty_like(queries)
    views = [piece.view(heads.key, batch, -1, heads.width) for piece in (queries, keys, values, output)]
    step = max(1, WEIGHTS_AT_ONCE * heads.key // of_row)
    for head in range(heads.key):
        for start in range(0, batch, step):
            some = slice(start, start + step)
            query, key, value, out = (view[head, some] for view in views)
            weights = torch.bmm(query, key.transpose(1, 2)).view(len(query), -1, length, width)
            torch.add(mask_BTS[some, None], weights, alpha=heads.scale, out=weights)
            torch.bmm(weights.softmax(-1).view(len(query), -1, width), value, out=out)
    return output


def _is_short(keys: Tensor) -> bool:
    return keys.device.type == "cpu" and keys.shape[1] <= LONGEST_WRITTEN_OUT


def _fused(queries: Tensor, keys: Tensor, values: Tensor, *, heads: Heads, before: int) -> Tensor:
    per = heads.query // heads.key
    split = queries.view(len(queries), per, -1, heads.width)
    mask = None
    if before:
        mask = causal_mask(split.shape[2], 1, queries.dtype, queries.device, before=before)
    one = functional.scaled_dot_product_attention(
        split,
        keys[:, None].expand(-1, per, -1, -1),
        values[:, None].expand(-1, per, -1, -1),
        attn_mask=mask,
        is_causal=mask is None,
        scale=heads.scale,
    )
    return one.reshape(queries.shape)


def _output(one: Attended) -> Tensor:
    return torch.bmm(one.shares, one.values) if one.shares is not None else one.fused.detach()  # type: ignore[union-attr]


def attend_rows_backward(grad: Tensor, one: Attended, heads: Heads) -> tuple[Tensor, ...]:
    """Gradients with respect to queries, keys and values, from that of the output (K B, G T, D)."""
    if one.shares is None:
        assert one.fused is not None
        return torch.autograd.grad(one.fused, [one.queries, one.keys, one.values], grad)
    to_values = torch.bmm(one.shares.transpose(1, 2), grad)
    to_shares = torch.bmm(grad, one.values.transpose(1, 2))
    to_scores = torch._softmax_backward_data(to_shares, one.shares, -1, one.shares.dtype)
    to_queries = torch.bmm(to_scores, one.keys).mul_(heads.scale)
    to_keys = torch.bmm(to_scores.transpose(1, 2), one.queries).mul_(heads.scale)
    return to_queries, to_keys, to_values


def _without_padding(grad: Tensor, real_BT: Tensor, heads: Heads) -> Tensor:
    """The gradient with zeros where a row has ended: its last token is repeated there, and counts once."""
    wide = grad.view(heads.key, len(real_BT), heads.query // heads.key, -1, heads.width)
    return wide.mul_(real_BT[None, :, None, :, None]).view_as(grad)


@lru_cache(maxsize=64)
def causal_mask(
    length: int, per: int, dtype: torch.dtype, device: torch.device, *, before: int = 0
) -> Tensor:
    """0 where a query may look and minus infinity elsewhere, (G T, before + T); all before may be looked at."""
    mask = torch.full((length, before + length), float("-inf"), dtype=dtype, device=device).triu_(before + 1)
    return mask.repeat(per, 1)
