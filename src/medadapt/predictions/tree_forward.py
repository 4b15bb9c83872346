"""Log-probabilities of all steps of token tries, those of several prompts in one forward pass.

The prompts are read once, without a mask. Their last tokens and the nodes of their tries follow together: each node
sees its own prompt and the nodes that lead to it, at the position it has in its completion. So every number is that
of a full row, and no beginning is computed twice.

Shapes: B prompts, N nodes, K tokens kept before them, S steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from medadapt.models.continuing import continued_hidden
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import right_padded
from medadapt.predictions.likelihood import picked_logprobs
from medadapt.predictions.shared_prefix import SharedPrefix
from medadapt.predictions.token_trie import TokenTrie


def path_scores(
    model: LoadedBase, prompts: Sequence[Sequence[int]], tries: Sequence[TokenTrie], shared: SharedPrefix
) -> list[list[float]]:
    """Log-likelihood in nats of each completion of each prompt's trie. No prompt may be empty."""
    states_BNH = tree_states(model, prompts, tries, shared)
    width = states_BNH.shape[1]
    steps = [(row * width + node, token) for row, trie in enumerate(tries) for node, token in trie.steps]
    if not steps:
        return [[0.0] * len(trie.paths) for trie in tries]
    place_S, token_S = torch.tensor(steps, device=states_BNH.device).unbind(1)
    # Nodes of padding have no steps: the head reads only the others.
    node_N, place_S = place_S.unique_consecutive(return_inverse=True)
    logprobs = picked_logprobs(model.model, states_BNH.flatten(0, 1)[node_N], place_S, token_S).tolist()
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
        read = max(lengths)
    # Node 0 is the prompt's last token: what comes after it is asked first.
    rows = [[prompt[-1], *trie.tokens[1:]] for prompt, trie in zip(prompts, tries, strict=True)]
    nodes_BN = right_padded(rows, model.device)
    width = nodes_BN.shape[1]
    depths_BN = right_padded([trie.depths for trie in tries], model.device)
    lengths_B = torch.tensor(lengths, device=model.device)
    sees_BNK = (torch.arange(read, device=model.device) < lengths_B[:, None])[:, None].expand(-1, width, -1)
    sees_BNN = torch.stack([_ancestors(trie, width) for trie in tries]).to(model.device)
    hidden = torch.cat([sees_BNK, sees_BNN], dim=2).logical_not()[:, None]
    # Added to the weights of attention, as every implementation takes it: not -inf, so that padding stays a number.
    mask = torch.zeros(hidden.shape, dtype=model.dtype, device=model.device)
    mask = mask.masked_fill_(hidden, torch.finfo(model.dtype).min)
    positions_BN = lengths_B[:, None] + depths_BN
    return continued_hidden(model.model, nodes_BN, kept, positions_BT=positions_BN, mask=mask)


@lru_cache(maxsize=64)
def _ancestors(trie: TokenTrie, width: int) -> Tensor:
    """(N, N) whether a node sees another: itself and those that lead to it. Nodes of padding see themselves."""
    sees_NN = torch.eye(width, dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        sees_NN[node] |= sees_NN[parent]
    return sees_NN
