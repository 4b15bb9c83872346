"""Which completions can still be the best, and what to read next to find out: exact best-first search over a trie.

The log-likelihood of a completion is a sum of terms none of which is above 0, so what is known of its beginning bounds
it from above. The most promising completions are read whole, round by round, until no other one can reach the best of
them under any rule by which a choice is made (A* with nothing for the rest of the way; Hart, Nilsson and Raphael 1968).

Shapes: C completions, S steps of their trie and one of padding, K steps of the longest completion, R rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import zip_longest

import numpy as np
import numpy.typing as npt

from medadapt.core.prediction_rows import NATS_ROUNDING
from medadapt.predictions.token_trie import TokenTrie, build_trie

FloatArray = npt.NDArray[np.float64]

NODES_OF_ROUND = (0, 48, 512)
"""Most nodes that a round reads for one prompt, and at least one completion whole; the last holds for all later ones.

In the first round the best of each rule is read alone: a tuned model that is sure needs no more. Where many are left
after the second, it pays to read what is left at once.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """The trie of some completions, laid out for a search."""

    trie: TokenTrie
    beginning: tuple[int, ...]
    """The nodes that every completion passes, node 0 among them: they are read with the prompt."""
    steps_CK: npt.NDArray[np.int64]
    """Places of each completion's steps in the trie's; S behind its end."""
    first_steps: tuple[int, ...]
    """Of each node, and of one behind the last, where its steps begin in the trie's."""
    inner: tuple[tuple[int, ...], ...]
    """Of each completion the nodes behind the beginning that it passes."""


@lru_cache(maxsize=64)
def lay_out(completions: tuple[tuple[int, ...], ...]) -> Laid:
    """Completions as a search needs them; those of one set of labels are laid out once."""
    trie = build_trie(completions)
    nodes = [node for node, _ in trie.steps]
    steps_CK = np.full((len(completions), max(map(len, completions))), len(nodes))
    for place, path in enumerate(trie.paths):
        steps_CK[place, : len(path)] = path
    first_steps = np.searchsorted(nodes, np.arange(len(trie) + 1)).tolist()
    beginning = [0]
    # Nodes stand in the order of their making: where one token alone follows, its node is the next one.
    while (node := beginning[-1]) + 1 < len(trie) and first_steps[node + 1] - first_steps[node] == 1:
        beginning.append(node + 1)
    passed = [dict.fromkeys(nodes[step] for step in path) for path in trie.paths]
    return Laid(
        trie=trie,
        beginning=tuple(beginning),
        steps_CK=steps_CK,
        first_steps=tuple(first_steps),
        inner=tuple(tuple(node for node in some if node >= len(beginning)) for some in passed),
    )


@dataclass(slots=True)
class Search:
    """What is known of the completions after one prompt.

    A rule's figure of a completion is its log-likelihood divided by `divisors_RC`, less `taken_off_RC`; the highest
    wins. `always` are completions that are read in any case.
    """

    laid: Laid
    divisors_RC: FloatArray
    taken_off_RC: FloatArray
    always: tuple[int, ...] = ()
    logprobs_S: FloatArray = field(init=False)
    known_S: npt.NDArray[np.bool_] = field(init=False)
    rounds: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        steps = len(self.laid.trie.steps)
        self.logprobs_S = np.zeros(steps + 1)
        self.known_S = np.arange(steps + 1) == steps

    def learn(self, node: int, logprobs: Sequence[float]) -> None:
        """Log-probabilities in nats of all tokens that are asked after a node, in the order of the trie's steps."""
        steps = slice(self.laid.first_steps[node], self.laid.first_steps[node + 1])
        self.logprobs_S[steps] = logprobs
        self.known_S[steps] = True

    def next_nodes(self) -> list[int]:
        """The nodes to read in the next round, parents before their children; none where the search is done.

        Among them stand nodes that were read before, where others follow from them.
        """
        bounds_C, whole_C = self._bounds(), self._whole()
        if not np.isfinite(bounds_C).all():
            return []  # the model is broken, and `scores` tells
        figures_RC = bounds_C / self.divisors_RC - self.taken_off_RC
        best_R1 = np.where(whole_C, figures_RC, -np.inf).max(axis=1, keepdims=True)
        # A choice must also be found among equals, and in 16 bits the rest of the way may be a little above 0.
        open_RC = ~whole_C & (figures_RC >= best_R1 - NATS_ROUNDING / self.divisors_RC)
        orders = [
            [place for place in np.argsort(-figures_C, kind="stable").tolist() if open_C[place]]
            for figures_C, open_C in zip(figures_RC, open_RC, strict=True)
        ]
        forced = [place for place in self.always if not whole_C[place]]
        if not forced and not any(orders):
            return []
        most = NODES_OF_ROUND[min(self.rounds, len(NODES_OF_ROUND) - 1)]
        self.rounds += 1
        first = [*forced, *(order[0] for order in orders if order)]
        nodes = {node for place in first for node in self.laid.inner[place]}
        # The rules take turns, so that each has its most promising ones read.
        for places in zip_longest(*orders):
            for place in places:
                more = nodes | {*(self.laid.inner[place] if place is not None else ())}
                if len(more) > most:
                    return sorted(nodes)
                nodes = more
        return sorted(nodes)

    def scores(self) -> dict[int, float]:
        """Log-likelihood in nats of the completions that were read whole, by place; and what is no finite number.

        A search that such a number ended tells of all it was to read.
        """
        whole_C, broken_C = self._whole(), ~np.isfinite(self._bounds())
        if broken_C.any():
            broken_C[[*self.always]] |= ~whole_C[[*self.always]]
        told_C = whole_C | broken_C
        paths = self.laid.trie.paths
        return {
            int(place): math.nan
            if broken_C[place]
            else math.fsum(float(self.logprobs_S[step]) for step in paths[place])
            for place in np.flatnonzero(told_C)
        }

    def _bounds(self) -> FloatArray:
        bounds_C: FloatArray = self.logprobs_S[self.laid.steps_CK].sum(axis=1)
        return bounds_C

    def _whole(self) -> npt.NDArray[np.bool_]:
        return np.all(self.known_S[self.laid.steps_CK], axis=1)
