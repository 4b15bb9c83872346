"""The search against looking at every completion, with a model that is a table of numbers."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.predictions.choice_search import NODES_OF_ROUND, Search, lay_out

COMPLETIONS = st.lists(
    st.lists(st.integers(0, 3), min_size=1, max_size=6).map(tuple), min_size=1, max_size=12
).map(tuple)


def table(seed: int, *, spread: float):
    """Log-probabilities of tokens after any beginning: a function that remembers what it said."""
    draw, known = random.Random(seed), {}

    def of(beginning: tuple[int, ...], token: int) -> float:
        return known.setdefault((beginning, token), -draw.expovariate(1 / spread))

    return of


def beginning(trie, node: int) -> tuple[int, ...]:
    tokens: list[int] = []
    while node:
        tokens.insert(0, trie.tokens[node])
        node = trie.parents[node]
    return tuple(tokens)


def read(search: Search, nodes, logprob) -> None:
    trie = search.laid.trie
    for node in nodes:
        start, end = search.laid.first_steps[node : node + 2]
        search.learn(node, [logprob(beginning(trie, node), token) for _, token in trie.steps[start:end]])


def run(completions, divisors, taken_off, logprob, always=()) -> tuple[Search, int]:
    """The search at its end, and how many nodes it had read."""
    search = Search(
        laid=lay_out(completions),
        divisors_RC=np.array(divisors),
        taken_off_RC=np.array(taken_off),
        always=always,
    )
    read(search, search.laid.beginning, logprob)
    seen: set[int] = set()
    for _ in range(len(search.laid.trie) + 1):
        nodes = search.next_nodes()
        if not nodes:
            return search, len(seen)
        for node in nodes:  # what leads to a node is read with it, or before all rounds
            parent = search.laid.trie.parents[node]
            assert parent in nodes or parent in search.laid.beginning
        assert not {*nodes} <= seen  # each round reads something new
        seen |= {*nodes}
        read(search, nodes, logprob)
    raise AssertionError("the search does not end")


def exhaustive(completions, logprob) -> list[float]:
    return [math.fsum(logprob(one[:place], token) for place, token in enumerate(one)) for one in completions]


@given(COMPLETIONS, st.integers(0, 99), st.sampled_from([0.01, 1.0, 30.0]), st.data())
def test_the_best_under_every_rule_is_that_of_exhaustive_scoring(completions, seed, spread, data):
    count = len(completions)
    numbers = st.lists(st.floats(1, 9), min_size=count, max_size=count)
    divisors = [[1.0] * count, data.draw(numbers), [1.0] * count]
    taken_off = [[0.0] * count, [0.0] * count, [-number for number in data.draw(numbers)]]
    logprob = table(seed, spread=spread)

    search, _ = run(completions, divisors, taken_off, logprob)

    wanted, found = exhaustive(completions, logprob), search.scores()
    assert all(found[place] == pytest.approx(wanted[place]) for place in found)
    for divided, less in zip(divisors, taken_off, strict=True):
        figures = [score / by - off for score, by, off in zip(wanted, divided, less, strict=True)]
        best = max(range(count), key=figures.__getitem__)
        assert max(found, key=lambda place: found[place] / divided[place] - less[place]) == best


@given(COMPLETIONS, st.integers(0, 99))
def test_what_is_to_be_read_in_any_case_is_read(completions, seed):
    last = len(completions) - 1
    ones, zeros = [[1.0] * len(completions)], [[0.0] * len(completions)]
    search, _ = run(completions, ones, zeros, table(seed, spread=1.0), always=(last,))
    assert last in search.scores()


def test_a_sure_model_has_one_completion_read():
    completions = tuple((0, first, *range(1, 9)) for first in range(10, 40))

    def logprob(before, token):
        return -9.0 if before == (0,) and token != 17 else -0.001

    search, nodes = run(completions, [[1.0] * 30], [[0.0] * 30], logprob)
    assert [*search.scores()] == [7]
    assert nodes == 8  # of 240 behind the common beginning


def test_among_equals_all_are_read_so_that_the_first_can_win():
    completions = tuple((first, 1, 2) for first in range(5))
    search, _ = run(completions, [[1.0] * 5], [[0.0] * 5], lambda *_: -1.0)
    assert [*search.scores()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("first", "promising"),
    [
        pytest.param((-1.0, 0.0), (-0.5, -0.5), id="an equal one"),
        pytest.param((-1.0, 0.004), (-0.998, 0.0), id="one whose rest is a little above 0 in 16 bits"),
    ],
)
def test_what_can_still_win_by_a_little_is_read_though_another_looked_better(first, promising):
    steps = dict(zip((1, 2, 3, 4), (*first, *promising), strict=True))
    search, _ = run(((1, 2), (3, 4)), [[1.0] * 2], [[0.0] * 2], lambda _, token: steps[token])
    assert max(search.scores(), key=search.scores().__getitem__) == 0


def test_a_round_reads_no_more_nodes_than_it_may():
    completions = tuple((first, *range(20)) for first in range(100, 200))
    search = Search(laid=lay_out(completions), divisors_RC=np.ones((1, 100)), taken_off_RC=np.zeros((1, 100)))
    logprob = table(0, spread=0.01)
    read(search, search.laid.beginning, logprob)
    sizes = []
    while nodes := search.next_nodes():
        sizes.append(len(nodes))
        read(search, nodes, logprob)
    assert sizes[0] == 20  # one completion, however long
    assert 0 < sizes[1] <= NODES_OF_ROUND[1]
    assert all(0 < size <= NODES_OF_ROUND[2] for size in sizes[2:])


def test_completions_that_are_the_same_tokens_have_equal_scores():
    search, _ = run(((4, 5), (4, 5)), [[1.0] * 2], [[0.0] * 2], table(0, spread=1.0))
    assert search.scores()[0] == search.scores()[1]


@pytest.mark.parametrize("broken", [math.nan, -math.inf, math.inf])
def test_a_model_without_numbers_ends_the_search_and_is_told(broken):
    search, _ = run(((4, 5), (6, 7)), [[1.0] * 2], [[0.0] * 2], lambda *_: broken)
    assert search.scores()
    assert not any(map(math.isfinite, search.scores().values()))


def test_a_number_that_is_none_ends_the_search_and_what_was_to_be_read_is_told_without_one():
    def logprob(before, token):
        return -math.inf if token == 4 else -1.0

    search, _ = run(((4, 5), (6, 7), (8, 9)), [[1.0] * 3], [[0.0] * 3], logprob, always=(1,))
    assert search.scores().keys() == {0, 1}
    assert not any(map(math.isfinite, search.scores().values()))


@given(COMPLETIONS)
def test_all_completions_pass_the_beginning(completions):
    laid = lay_out(completions)
    for path, inner in zip(laid.trie.paths, laid.inner, strict=True):
        passed = {laid.trie.steps[step][0] for step in path}
        assert passed == ({*laid.beginning} & passed) | {*inner}
        assert not {*inner} & {*laid.beginning}
