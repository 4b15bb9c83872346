"""The best choices of closed questions, without a score for every choice.

The prompts are read once, with what all completions begin with. Then each round reads a few nodes of every question's
trie behind its kept prompt, many questions at once, until `choice_search.py` says that no other choice can win. What it
finds are the numbers and the choices of scoring every completion (`scoring.py`), beyond rounding in 16 bits.

Where all scores are wanted, one pass over the whole trie costs less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from medadapt.core.choice_rules import ChoiceRule
from medadapt.models.continuing import continued_hidden
from medadapt.models.device import is_out_of_memory
from medadapt.models.loading import LoadedBase
from medadapt.predictions.batching import TokenBudget, in_batches, right_padded
from medadapt.predictions.choice_rules import measures_of
from medadapt.predictions.choice_search import NODES_OF_ROUND, Search, lay_out
from medadapt.predictions.likelihood import picked_logprobs
from medadapt.predictions.questions import Question
from medadapt.predictions.scoring import choice_scores
from medadapt.predictions.shared_prefix import SharedPrefix
from medadapt.predictions.tree_forward import states_behind
from medadapt.predictions.tree_probe import reads_trees, window


def best_choice_scores(
    model: LoadedBase,
    questions: Sequence[Question],
    without_question: Sequence[Mapping[str, float]],
    *,
    rules: Sequence[ChoiceRule],
    budget: TokenBudget,
    advance: Callable[[int], None],
) -> list[dict[str, float]]:
    """Log-likelihood in nats of some choices of each question, in their order; as `choice_scores` has them of all.

    Among them are the best under each of `rules`, and the reference answer where it is a choice. `without_question`
    are the log-likelihoods of each question's choices where nothing was asked, which the rule `relative` needs. An
    architecture that cannot read trees, or looks back too short a way, gets all scores.
    """
    found: list[dict[str, float]] = [{} for _ in questions]
    shared = SharedPrefix(model)

    def work(batch: list[int]) -> None:
        some = [questions[index] for index in batch]
        searches = [_search(questions[index], without_question[index], rules) for index in batch]
        if _in_reach(model, some, len(rules)) and _done(model, some, searches, shared, budget):
            scores = [_named(*pair) for pair in zip(some, searches, strict=True)]
        else:
            scores = choice_scores(model, some, budget=budget, advance=lambda _: None)
        for index, own in zip(batch, scores, strict=True):
            found[index] = own
        advance(sum(len(question.choices or {}) for question in some))

    lengths = [len(question.prompt.tokens) + NODES_OF_ROUND[1] for question in questions]
    in_batches(lengths, budget, work, lambda _: None)
    return found


def _done(
    model: LoadedBase,
    questions: Sequence[Question],
    searches: Sequence[Search],
    shared: SharedPrefix,
    budget: TokenBudget,
) -> bool:
    """Whether the searches came to their end; a lone question may have no room for its nodes all at once."""
    try:
        _read(model, [question.prompt.tokens for question in questions], searches, shared, budget)
    except (RuntimeError, MemoryError) as problem:
        if len(questions) > 1 or not is_out_of_memory(problem):
            raise
        return False
    return True


def _search(question: Question, without_question: Mapping[str, float], rules: Sequence[ChoiceRule]) -> Search:
    choices = question.choices or {}
    divisors, taken_off = measures_of(question, without_question, rules)
    right = [place for place, name in enumerate(choices) if name == question.reference_choice]
    return Search(
        laid=lay_out(tuple(map(tuple, choices.values()))),
        divisors_RC=np.array(divisors),
        taken_off_RC=np.array(taken_off),
        always=tuple(right),
    )


def _in_reach(model: LoadedBase, questions: Sequence[Question], num_rules: int) -> bool:
    """Whether prompts and trees of all rounds can be read by this architecture, within its attention's window."""
    if not reads_trees(model):
        return False
    longest = max(len(tokens) for question in questions for tokens in (question.choices or {}).values())
    # However long they are, a round reads the right choice and the most promising one of each rule.
    nodes = max(*NODES_OF_ROUND, (1 + num_rules) * longest)
    together = max(len(question.prompt.tokens) for question in questions) + longest + nodes
    return (most := window(model)) is None or together <= most


def _named(question: Question, search: Search) -> dict[str, float]:
    names = list(question.choices or {})
    return {names[place]: score for place, score in search.scores().items()}


def _read(
    model: LoadedBase,
    prompts: Sequence[Sequence[int]],
    searches: Sequence[Search],
    shared: SharedPrefix,
    budget: TokenBudget,
) -> None:
    """Read what the searches ask for, until none asks for more."""
    rows = [
        [*prompt, *(search.laid.trie.tokens[node] for node in search.laid.beginning[1:])]
        for prompt, search in zip(prompts, searches, strict=True)
    ]
    kept = _read_prompts(model, rows, searches, shared)
    lengths = list(map(len, rows))
    asking = list(range(len(rows)))
    while todo := {place: nodes for place in asking if (nodes := searches[place].next_nodes())}:
        # Those with many nodes first, so that rows of like length stand together.
        asking = sorted(todo, key=lambda place: -len(todo[place]))
        waiting = list(asking)
        while waiting:
            at_once = max(1, budget.tokens // len(todo[waiting[0]]))
            some, waiting = waiting[:at_once], waiting[at_once:]
            _read_nodes(
                model,
                _rows_of(kept, some),
                [searches[place] for place in some],
                [lengths[place] for place in some],
                [todo[place] for place in some],
            )


def _read_prompts(
    model: LoadedBase, rows: Sequence[Sequence[int]], searches: Sequence[Search], shared: SharedPrefix
) -> DynamicCache:
    """Read prompts with what their completions begin with, and ask what follows; the keys and values of all."""
    asked = [len(search.laid.beginning) for search in searches]
    kept = shared.cache(rows, most=min(len(row) - count for row, count in zip(rows, asked, strict=True)))
    read = kept.get_seq_length()
    hidden_BTH = continued_hidden(model.model, right_padded([row[read:] for row in rows], model.device), kept)
    places = [
        (number, len(row) - count - read + step)
        for number, (row, count) in enumerate(zip(rows, asked, strict=True))
        for step in range(count)
    ]
    _ask(model, hidden_BTH, places, [(search, node) for search in searches for node in search.laid.beginning])
    return kept


def _read_nodes(
    model: LoadedBase,
    kept: DynamicCache,
    searches: Sequence[Search],
    lengths: Sequence[int],
    nodes: Sequence[Sequence[int]],
) -> None:
    """Read nodes behind kept rows of these lengths, and ask what follows each."""
    tries = [search.laid.trie for search in searches]
    beginnings = [len(search.laid.beginning) for search in searches]
    hidden_BNH = states_behind(
        model,
        kept,
        lengths,
        [[trie.tokens[node] for node in some] for trie, some in zip(tries, nodes, strict=True)],
        depths=[
            [trie.depths[node] - count for node in some]
            for trie, count, some in zip(tries, beginnings, nodes, strict=True)
        ],
        sees=[_ancestors(trie.parents, some) for trie, some in zip(tries, nodes, strict=True)],
    )
    places = [(row, place) for row, some in enumerate(nodes) for place in range(len(some))]
    asked = [(search, node) for search, some in zip(searches, nodes, strict=True) for node in some]
    _ask(model, hidden_BNH, places, asked)


def _ask(
    model: LoadedBase,
    hidden_BTH: Tensor,
    places: Sequence[tuple[int, int]],
    asked: Sequence[tuple[Search, int]],
) -> None:
    """Tell each search the log-probabilities of what follows its node, whose state stands at the place beside it."""
    bounds = [search.laid.first_steps[node : node + 2] for search, node in asked]
    follows = [
        [token for _, token in search.laid.trie.steps[start:end]]
        for (search, _), (start, end) in zip(asked, bounds, strict=True)
    ]
    row_W, place_W = torch.tensor([*places], device=hidden_BTH.device).unbind(1)
    pairs = [(number, token) for number, tokens in enumerate(follows) for token in tokens]
    number_S, token_S = torch.tensor(pairs, device=hidden_BTH.device).T.contiguous()
    logprobs = picked_logprobs(model.model, hidden_BTH[row_W, place_W], number_S, token_S).tolist()
    start = 0
    for (search, node), tokens in zip(asked, follows, strict=True):
        search.learn(node, logprobs[start : start + len(tokens)])
        start += len(tokens)


def _ancestors(parents: Sequence[int], nodes: Sequence[int]) -> Tensor:
    """(N, N) whether a node sees another: itself and those that lead to it; parents stand before their children."""
    sees_NN = torch.eye(len(nodes), dtype=torch.bool)
    places = {node: place for place, node in enumerate(nodes)}
    for place, node in enumerate(nodes):
        if (parent := places.get(parents[node])) is not None:
            sees_NN[place] |= sees_NN[parent]
    return sees_NN


def _rows_of(kept: DynamicCache, rows: Sequence[int]) -> DynamicCache:
    """Some rows of a cache, for tokens that only one pass reads: what is added stays out of `kept`."""
    some = DynamicCache()
    for layer in kept.layers:
        chosen = DynamicLayer()
        chosen.lazy_initialization(layer.keys, layer.values)
        row_B = torch.tensor([*rows], device=layer.keys.device)
        chosen.keys, chosen.values = layer.keys[row_B], layer.values[row_B]
        some.layers.append(chosen)
    return some
