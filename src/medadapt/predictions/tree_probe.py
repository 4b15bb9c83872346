"""Whether an architecture can read a tree of tokens in one pass: tried on a tiny one before it is trusted.

It needs an attention that takes a mask of its own making, and positions that can be told. Attention that looks back
through a window counts tokens as they lie in memory, so a tree must lie within the window as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from medadapt.models.agreement import same_states
from medadapt.models.continuing import can_continue, takes_positions
from medadapt.models.forward import final_hidden, text_config
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import right_padded
from medadapt.predictions.shared_prefix import SharedPrefix
from medadapt.predictions.token_trie import build_trie
from medadapt.predictions.tree_forward import tree_states

WINDOWS = ("sliding_window", "window_size", "attention_chunk_size")
"""Names under which configurations say how far an attention looks back."""
PROMPTS = ((1, 2, 3), (3, 1, 2, 2, 1))
COMPLETIONS = ((1, 2, 3, 2, 1, 3), (1, 2, 2, 1), (2, 3, 3, 1), (2, 1, 3))

_found: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()


def reads_trees(model: LoadedBase) -> bool:
    """Whether this architecture's numbers are the same in a tree and in rows; tried once for a loaded model."""
    if model.model not in _found:
        _found[model.model] = can_continue(model.model) and takes_positions(model.model) and _agrees(model)
    return _found[model.model]


def window(model: LoadedBase) -> int | None:
    """Tokens that every layer's attention can look back over; None where that is all."""
    config = text_config(model.model)
    found = [getattr(config, name, None) for name in WINDOWS]
    return min((size for size in found if isinstance(size, int)), default=None)


@torch.no_grad()
def _agrees(model: LoadedBase) -> bool:
    trie = build_trie(COMPLETIONS)
    try:
        ours_BNH = tree_states(model, PROMPTS, [trie, trie], SharedPrefix(model))
    except (AttributeError, IndexError, TypeError, ValueError):
        return False
    except RuntimeError as problem:
        if "size" not in str(problem) and "shape" not in str(problem):
            raise
        return False  # it cannot make use of a mask with four dimensions
    own_BNH = torch.stack([_in_rows(model, prompt, trie.parents, trie.tokens) for prompt in PROMPTS])
    return same_states(ours_BNH, own_BNH, model.model, right_padded(PROMPTS, model.device))


def _in_rows(
    model: LoadedBase, prompt: Sequence[int], parents: Sequence[int], tokens: Sequence[int]
) -> Tensor:
    """Hidden state (N, H) of each node from a row of its own."""
    rows: list[list[int]] = [list(prompt)]
    for node in range(1, len(tokens)):
        rows.append([*rows[parents[node]], tokens[node]])
    hidden_NTH = final_hidden(model.model, right_padded(rows, model.device))
    return hidden_NTH[range(len(rows)), [len(row) - 1 for row in rows]]
