"""The answer is learned, the prompt never is, and what does not fit is cut at its end."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st

from medadapt.examples import masking
from medadapt.examples.masking import IGNORED, Example, mask

TOKENS = st.lists(st.integers(0, 50_000), max_size=12)


def test_the_examples_in_the_documentation_hold():
    failed, tried = doctest.testmod(masking)

    assert (failed, tried) == (0, 4)


def test_ignored_is_what_pytorch_skips():
    assert IGNORED == -100


@given(TOKENS, TOKENS, st.integers(0, 30))
def test_labels_are_the_answer_or_ignored(prompt: list[int], completion: list[int], room: int):
    max_length = len(prompt) + room

    tokens, labels, cut = mask(prompt, completion, max_length)

    assert tokens == (prompt + completion)[:max_length]
    assert labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert labels[len(prompt) :] == tokens[len(prompt) :]
    assert cut == (len(prompt) + len(completion) > max_length)


@given(TOKENS, TOKENS)
def test_the_lists_given_are_left_alone(prompt: list[int], completion: list[int]):
    before = list(prompt), list(completion)

    tokens, labels, _ = mask(prompt, completion, 100)
    tokens.append(1)
    labels.append(1)

    assert (prompt, completion) == before


def test_a_prompt_that_fills_everything_leaves_nothing_to_learn():
    assert mask([5, 6, 7], [8], 3) == ([5, 6, 7], [IGNORED] * 3, True)


def test_supervised_tokens_are_counted():
    tokens, labels, cut = mask([5, 6], [7, 8, 2], 10)
    example = Example(
        id="a", input_ids=tokens, labels=labels, prompt="p", completion="c", answer_cut=cut, prompt_cut=False
    )

    assert example.num_supervised == 3
