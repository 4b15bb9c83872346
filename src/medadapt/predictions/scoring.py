"""Exact log-likelihoods of every label or option, and the choice they make.

A closed question is never answered by writing: each choice's whole completion is scored, so every answer
counts and none is unparsed. Choices of one token share the forward pass of the reference answer
(`likelihood.py`). Longer ones are joined to a trie and read in one tree for each question, many questions at
once (`tree_forward.py`): the same numbers as a full row for each choice, for a fraction of the work. An
architecture that cannot read trees gets a row for each choice (`separate_rows.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from medadapt.models.device import is_out_of_memory
from medadapt.models.loading import LoadedBase
from medadapt.models.packed.decoder import fits_window, packed_decoder
from medadapt.predictions.batching import TokenBudget, in_batches
from medadapt.predictions.questions import Question
from medadapt.predictions.separate_rows import row_scores
from medadapt.predictions.shared_prefix import SharedPrefix
from medadapt.predictions.token_trie import TokenTrie, build_trie, portions
from medadapt.predictions.tree_forward import path_scores
from medadapt.predictions.tree_probe import reads_trees, window

NODES_AT_ONCE = 512
"""Most nodes in one tree: its mask and its attention grow with their square."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Some completions after one prompt, and the trie that joins them."""

    owner: int
    """Which of the sets of completions they belong to, and where there each of them stands."""
    places: tuple[int, ...]
    trie: TokenTrie


def choice_scores(
    model: LoadedBase, questions: Sequence[Question], *, budget: TokenBudget, advance: Callable[[int], None]
) -> list[dict[str, float]]:
    """Log-likelihood in nats of each choice of each question, summed over the tokens of its completion.

    `questions` must have choices. `advance` hears how many choices are done.
    """
    prompts = [question.prompt.tokens for question in questions]
    choices = [question.choices or {} for question in questions]
    found = continuation_scores(
        model, prompts, [list(some.values()) for some in choices], budget=budget, advance=advance
    )
    return [dict(zip(some, scores, strict=True)) for some, scores in zip(choices, found, strict=True)]


def continuation_scores(
    model: LoadedBase,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    *,
    budget: TokenBudget,
    advance: Callable[[int], None] = lambda _: None,
) -> list[list[float]]:
    """Log-likelihood in nats of the completions of each prompt. No prompt may be empty."""
    found = [[0.0] * len(some) for some in completions]
    asked = _asked(completions)
    shared = SharedPrefix(model)

    def score(some: list[_Asked]) -> None:
        for one, scores in zip(some, _scored(model, prompts, completions, some, shared, budget), strict=True):
            for place, figure in zip(one.places, scores, strict=True):
                found[one.owner][place] = figure

    def score_alone(one: _Asked) -> None:
        try:
            return score([one])
        except (RuntimeError, MemoryError) as problem:
            if not is_out_of_memory(problem) or len(one.places) == 1:
                raise
        # Outside of the handler, whose traceback holds the tensors of what failed.
        for half in _halves(one, completions[one.owner]):
            score_alone(half)

    def work(batch: list[int]) -> None:
        some = [asked[index] for index in batch]
        if len(some) == 1:
            score_alone(some[0])
        else:
            score(some)
        advance(sum(len(one.places) for one in some))

    in_batches([len(prompts[one.owner]) + len(one.trie) - 1 for one in asked], budget, work, lambda _: None)
    return found


def best_choice(scores: Mapping[str, float]) -> str:
    """The choice with the highest score; of equals the first."""
    return max(scores, key=scores.__getitem__)


def probabilities(scores: Mapping[str, float]) -> dict[str, float]:
    """Softmax over the scores: the model's belief if one of the choices must be right."""
    highest = max(scores.values())
    weights = {name: math.exp(score - highest) for name, score in scores.items()}
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _asked(completions: Sequence[Sequence[Sequence[int]]]) -> list[_Asked]:
    """What is scored together; questions with the same completions, such as labels, share their tries."""
    known: dict[tuple[tuple[int, ...], ...], list[tuple[tuple[int, ...], TokenTrie]]] = {}
    found = []
    for owner, some in enumerate(completions):
        key = tuple(map(tuple, some))
        if key not in known:
            parts = portions(some, NODES_AT_ONCE)
            known[key] = [(places, build_trie([some[place] for place in places])) for places in parts]
        found += [_Asked(owner=owner, places=places, trie=trie) for places, trie in known[key]]
    return found


def _halves(asked: _Asked, completions: Sequence[Sequence[int]]) -> list[_Asked]:
    middle = len(asked.places) // 2
    return [
        _Asked(owner=asked.owner, places=places, trie=build_trie([completions[place] for place in places]))
        for places in (asked.places[:middle], asked.places[middle:])
    ]


def _scored(
    model: LoadedBase,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[Sequence[int]]],
    some: Sequence[_Asked],
    shared: SharedPrefix,
    budget: TokenBudget,
) -> list[list[float]]:
    before = [prompts[one.owner] for one in some]
    tries = [one.trie for one in some]
    packed = packed_decoder(model.model)
    longest = max(len(prompt) + max(trie.depths) for prompt, trie in zip(before, tries, strict=True))
    if packed is not None and fits_window(packed, longest):
        return path_scores(model, before, tries, shared, packed)
    if _in_trees(model, before, tries):
        return path_scores(model, before, tries, shared)
    rows = [[completions[one.owner][place] for place in one.places] for one in some]
    return [row_scores(model, prompt, own, budget.tokens) for prompt, own in zip(before, rows, strict=True)]


def _in_trees(model: LoadedBase, prompts: Sequence[Sequence[int]], tries: Sequence[TokenTrie]) -> bool:
    """Whether the tries are read as trees: where the architecture can, and its attention looks back far enough."""
    if not reads_trees(model):
        return False
    together = max(map(len, prompts)) + max(map(len, tries))
    return (most := window(model)) is None or together <= most
