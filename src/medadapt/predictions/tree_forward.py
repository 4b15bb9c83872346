"""Log-probabilities of all steps of token tries, those of several prompts in one forward pass.

Each node sees its own prompt and the nodes that lead to it, at the position it has in its completion. So every number
is that of a full row, and no beginning is computed twice. A Llama-class decoder reads prompts and tries as packed rows
(`packed_reading.py`). For others the prompts are read once, without a mask, and their last tokens and the nodes of
their tries follow together.

Shapes: B prompts, N nodes, K tokens kept before them, S steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from medadapt.models.continuing import continued_hidden
from medadapt.models.loading import LoadedBase
from medadapt.models.packed.decoder import PackedDecoder
from medadapt.predictions.batching import right_padded
from medadapt.predictions.likelihood import picked_logprobs
from medadapt.predictions.packed_reading import packed_tree_states
from medadapt.predictions.shared_prefix import SharedPrefix
from medadapt.predictions.token_trie import TokenTrie, ancestors


def path_scores(
    model: LoadedBase,
    prompts: Sequence[Sequence[int]],
    tries: Sequence[TokenTrie],
    shared: SharedPrefix,
    packed: PackedDecoder | None = None,
) -> list[list[float]]:
    """Log-likelihood in nats of each completion of each prompt's trie. No prompt may be empty.

    `packed` is the model's decoder for packed rows where it can read them.
    """
    steps = [(row, node, token) for row, trie in enumerate(tries) for node, token in trie.steps]
    if not steps:
        return [[0.0] * len(trie.paths) for trie in tries]
    # Only after these nodes is anything asked; several tokens may be asked after one.
    asked = {place: number for number, place in enumerate(dict.fromkeys(step[:2] for step in steps))}
    if packed is not None:
        states_WH = packed_tree_states(packed, prompts, tries, [*asked])
    else:
        row_W, node_W = torch.tensor([*asked], device=model.device).unbind(1)
        states_WH = tree_states(model, prompts, tries, shared)[row_W, node_W]
    pairs = [(asked[row, node], token) for row, node, token in steps]
    place_S, token_S = torch.tensor(pairs, device=states_WH.device).T.contiguous()
    logprobs = picked_logprobs(model.model, states_WH, place_S, token_S).tolist()
    scores, start = [], 0
    for trie in tries:
        own = logprobs[start : start + len(trie.steps)]
        start += len(trie.steps)
        scores.append([math.fsum(own[step] for step in path) for path in trie.paths])
    return scores


def tree_states(
    model: LoadedBase, prompts: Sequence[Sequence[int]], tries: Sequence[TokenTrie], shared: SharedPrefix
) -> Tensor:
    """Hidden states (B, N, H) of the nodes of each prompt's trie."""
    before = [prompt[:-1] for prompt in prompts]
    lengths = [len(tokens) for tokens in before]
    kept = shared.cache(before, most=min(lengths))
    read = kept.get_seq_length()
    if max(lengths) > read:
        continued_hidden(model.model, right_padded([tokens[read:] for tokens in before], model.device), kept)
    # Node 0 is the prompt's last token: what comes after it is asked first.
    rows = [[prompt[-1], *trie.tokens[1:]] for prompt, trie in zip(prompts, tries, strict=True)]
    depths, sees = [trie.depths for trie in tries], [ancestors(trie) for trie in tries]
    return states_behind(model, kept, lengths, rows, depths=depths, sees=sees)


def states_behind(
    model: LoadedBase,
    kept: DynamicCache,
    lengths: Sequence[int],
    rows: Sequence[Sequence[int]],
    *,
    depths: Sequence[Sequence[int]],
    sees: Sequence[Tensor],
) -> Tensor:
    """Hidden states (B, N, H) of rows of nodes behind the first `lengths` kept tokens of each, which hold these, too.

    A node stands so many places behind those tokens as `depths` says, and sees them and the nodes of its row in `sees`
    (N, N).
    """
    nodes_BN = right_padded(rows, model.device)
    width, read = nodes_BN.shape[1], kept.get_seq_length()
    depths_BN = right_padded(depths, model.device)
    lengths_B = torch.tensor(lengths, device=model.device)
    sees_BNK = (torch.arange(read, device=model.device) < lengths_B[:, None])[:, None].expand(-1, width, -1)
    sees_BNN = torch.stack([_padded(sees_NN, width) for sees_NN in sees]).to(model.device)
    hidden = torch.cat([sees_BNK, sees_BNN], dim=2).logical_not()[:, None]
    # Added to the weights of attention, as every implementation takes it: not -inf, so that padding stays a number.
    mask = torch.zeros(hidden.shape, dtype=model.dtype, device=model.device)
    mask = mask.masked_fill_(hidden, torch.finfo(model.dtype).min)
    return continued_hidden(
        model.model, nodes_BN, kept, positions_BT=lengths_B[:, None] + depths_BN, mask=mask
    )


def _padded(sees_NN: Tensor, width: int) -> Tensor:
    """With nodes of padding, which see themselves."""
    wide = torch.eye(width, dtype=torch.bool)
    wide[: len(sees_NN), : len(sees_NN)] = sees_NN
    return wide
