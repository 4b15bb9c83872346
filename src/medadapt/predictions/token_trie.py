"""Completions that begin alike, joined: every beginning stands once, however many completions share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from medadapt.models.packed.rows import shared_length

Step = tuple[int, int]
"""A node and the token that follows it in a completion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTrie:
    """The beginnings of some completions that go on, as nodes; parents stand before their children.

    Node 0 is the prompt's end, where every completion begins. The last token of a completion has no node of its
    own unless another completion goes on from there: nothing is asked after it.
    """

    tokens: tuple[int, ...]
    """The token that leads to each node; 0 for node 0."""
    parents: tuple[int, ...]
    """The node before each node; node 0 is its own."""
    depths: tuple[int, ...]
    """How many tokens of a completion each node has read."""
    steps: tuple[Step, ...]
    """The different steps of all completions, by node."""
    paths: tuple[tuple[int, ...], ...]
    """Of each completion, the places of its steps in `steps`."""

    def __len__(self) -> int:
        return len(self.tokens)


def build_trie(completions: Sequence[Sequence[int]]) -> TokenTrie:
    """The trie of some completions, in their order; equal ones get equal paths."""
    tokens, parents, depths = [0], [0], [0]
    nodes: dict[Step, int] = {}
    paths: list[list[Step]] = []
    for completion in completions:
        node, path = 0, []
        for place, token in enumerate(completion, start=1):
            path.append(step := (node, token))
            if place == len(completion):
                break
            if step not in nodes:
                nodes[step] = len(tokens)
                tokens.append(token)
                parents.append(node)
                depths.append(depths[node] + 1)
            node = nodes[step]
        paths.append(path)
    steps = sorted({step for path in paths for step in path})
    places = {step: place for place, step in enumerate(steps)}
    return TokenTrie(
        tokens=tuple(tokens),
        parents=tuple(parents),
        depths=tuple(depths),
        steps=tuple(steps),
        paths=tuple(tuple(places[step] for step in path) for path in paths),
    )


@lru_cache(maxsize=64)
def ancestors(trie: TokenTrie) -> Tensor:
    """(N, N) whether a node sees another: itself and those that lead to it."""
    sees_NN = torch.eye(len(trie), dtype=torch.bool)
    for node, parent in enumerate(trie.parents):
        sees_NN[node] |= sees_NN[parent]
    return sees_NN


@lru_cache(maxsize=64)
def subtrees(trie: TokenTrie, most: int) -> list[tuple[list[int], Tensor]]:
    """All nodes but node 0 in groups, each with what its nodes see of each other (T, T).

    What hangs together stays together; small subtrees share a group of at most `most` nodes.
    """
    below: dict[int, list[int]] = {}
    tops = list(range(len(trie)))
    for node in range(1, len(trie)):
        if (parent := trie.parents[node]) != 0:
            tops[node] = tops[parent]
        below.setdefault(tops[node], []).append(node)
    groups: list[list[int]] = []
    for nodes in below.values():
        if groups and len(groups[-1]) + len(nodes) <= most:
            groups[-1] += nodes
        else:
            groups.append(list(nodes))
    sees_NN = ancestors(trie)
    return [(nodes, sees_NN[nodes][:, nodes]) for nodes in groups]


def portions(completions: Sequence[Sequence[int]], most: int) -> list[tuple[int, ...]]:
    """Places of completions that make tries of at most `most` nodes each, where one alone is not larger.

    What begins alike stays together as far as it can.
    """
    order = sorted(range(len(completions)), key=lambda place: list(completions[place]))
    found: list[list[int]] = []
    nodes = 0
    before: Sequence[int] = ()
    for place in order:
        # In this order what is there already was made by the one before.
        inner = completions[place][:-1]
        more = len(inner) - shared_length([before, inner])
        if not found or nodes + more > most:
            found.append([])
            nodes, more = 1, len(inner)
        found[-1].append(place)
        nodes += more
        before = inner
    return [tuple(sorted(places)) for places in found]
