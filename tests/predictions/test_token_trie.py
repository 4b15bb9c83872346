from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medadapt.predictions.token_trie import ancestors, build_trie, portions, subtrees

COMPLETIONS = st.lists(st.lists(st.integers(0, 3), max_size=5), max_size=12)


def beginning(trie, node: int) -> list[int]:
    """The tokens that lead to a node, from the prompt's end on."""
    tokens: list[int] = []
    while node:
        tokens.insert(0, trie.tokens[node])
        node = trie.parents[node]
    return tokens


@given(COMPLETIONS)
def test_each_path_spells_its_completion(completions):
    trie = build_trie(completions)
    for completion, path in zip(completions, trie.paths, strict=True):
        steps = [trie.steps[place] for place in path]
        assert [token for _, token in steps] == completion
        assert [beginning(trie, node) for node, _ in steps] == [
            completion[:n] for n in range(len(completion))
        ]


@given(COMPLETIONS)
def test_nodes_are_the_different_beginnings_that_go_on(completions):
    trie = build_trie(completions)
    wanted = {tuple(completion[:end]) for completion in completions for end in range(len(completion))} | {()}
    assert len(trie) == len(wanted)
    assert {tuple(beginning(trie, node)) for node in range(len(trie))} == wanted
    assert list(trie.depths) == [len(beginning(trie, node)) for node in range(len(trie))]
    assert all(parent < node for node, parent in enumerate(trie.parents) if node)
    steps = {(*completion[:end],) for completion in completions for end in range(1, len(completion) + 1)}
    assert len(trie.steps) == len(steps)
    assert list(trie.steps) == sorted(set(trie.steps))


def test_a_completion_that_begins_another_needs_no_nodes_of_its_own():
    trie = build_trie([[4, 5, 6, 7], [4, 5], [4, 5]])
    assert trie.tokens == (0, 4, 5, 6)
    assert trie.paths[1] == trie.paths[2] == trie.paths[0][:2]


@given(COMPLETIONS)
def test_a_node_sees_itself_and_what_leads_to_it(completions):
    trie = build_trie(completions)
    for node, sees in enumerate(ancestors(trie).tolist()):
        lead = {0, node}
        while node:
            lead.add(node := trie.parents[node])
        assert {place for place, is_seen in enumerate(sees) if is_seen} == lead


@given(COMPLETIONS, st.integers(1, 8))
def test_subtrees_hold_every_node_once_with_what_leads_to_it(completions, most):
    trie = build_trie(completions)
    groups = subtrees(trie, most)
    assert sorted(node for nodes, _ in groups for node in nodes) == list(range(1, len(trie)))
    for nodes, sees_TT in groups:
        for row, node in enumerate(nodes):
            seen = {nodes[place] for place, is_seen in enumerate(sees_TT[row].tolist()) if is_seen}
            assert {*seen, 0} == {n for n, is_seen in enumerate(ancestors(trie)[node].tolist()) if is_seen}
        tops = {node for node in nodes if trie.parents[node] == 0}
        assert len(nodes) <= most or len(tops) == 1


@given(COMPLETIONS, st.integers(1, 8))
def test_portions_hold_every_completion_once_in_tries_of_limited_size(completions, most):
    parts = portions(completions, most)
    assert sorted(place for part in parts for place in part) == list(range(len(completions)))
    for part in parts:
        assert len(build_trie([completions[place] for place in part])) <= most or len(part) == 1


def test_completions_that_begin_alike_stay_in_one_portion():
    assert portions([[1, 1, 1, 1], [2, 2, 2, 2], [1, 1, 1, 2], [2, 2, 2, 1]], 4) == [(0, 2), (1, 3)]
