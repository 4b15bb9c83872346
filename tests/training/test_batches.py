"""Batches: every row once an epoch, and the cut within its budget."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medadapt.training.batches import cut_by_tokens, number_of_steps, pad, rows_of_step, steps_per_epoch


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 2**62))
def test_every_epoch_sees_every_row_once(num_rows, batch_size, seed):
    steps = steps_per_epoch(num_rows, batch_size)
    for epoch in range(2):
        seen = [
            place
            for step in range(epoch * steps + 1, (epoch + 1) * steps + 1)
            for place in rows_of_step(step, num_rows=num_rows, batch_size=batch_size, seed=seed)
        ]
        assert sorted(seen) == list(range(num_rows))


def test_epochs_and_seeds_shuffle_differently():
    def order(epoch, seed):
        return [
            p
            for s in range(10)
            for p in rows_of_step(epoch * 10 + s + 1, num_rows=100, batch_size=10, seed=seed)
        ]

    assert order(0, 0) != order(1, 0) != order(1, 1)
    assert order(3, 5) == order(3, 5)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.integers(1, 500))
def test_a_cut_holds_every_row_once_within_the_budget(lengths, budget):
    batches = cut_by_tokens(lengths, budget)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[place] for place in batch) <= budget


@given(st.lists(st.integers(1, 100), min_size=1, max_size=40), st.integers(1, 500), st.integers(0, 80))
def test_a_cut_has_no_more_padding_in_a_micro_batch_than_it_may(lengths, budget, padding):
    batches = cut_by_tokens(lengths, budget, padding=padding)
    assert sorted(place for batch in batches for place in batch) == list(range(len(lengths)))
    for batch in batches:
        some = [lengths[place] for place in batch]
        assert len(batch) == 1 or len(batch) * max(some) <= budget
        assert len(batch) * max(some) - sum(some) <= padding


def test_one_giant_row_among_short_ones_makes_no_rectangle_of_its_length():
    assert cut_by_tokens([50, 2000, 50, 50], 32768, padding=512) == [[1], [0, 2, 3]]


def test_a_fraction_of_an_epoch_is_a_fraction_of_its_steps():
    assert [number_of_steps(100, 8, epochs) for epochs in (1, 0.5, 2.5, 0.001)] == [13, 6, 32, 1]


def test_padding_is_on_the_right_and_never_a_label():
    rows = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [9], "labels": [9]}]
    batch = pad(rows, torch.device("cpu"))
    assert batch.tokens_BT.tolist() == [[5, 6, 7] + [0] * 5, [9] + [0] * 7]
    assert batch.labels_BT.tolist() == [[-100, 6, 7] + [-100] * 5, [9] + [-100] * 7]


def test_padding_leaves_no_place_of_the_model_behind():
    row = {"input_ids": [1] * 10, "labels": [1] * 10}
    assert pad([row], torch.device("cpu"), context=15).tokens_BT.shape[1] == 10
    assert pad([row], torch.device("cpu"), context=16).tokens_BT.shape[1] == 16


def test_rows_of_many_lengths_are_padded_to_few():
    widths = {
        pad([{"input_ids": [1] * length, "labels": [1] * length}], torch.device("cpu")).tokens_BT.shape[1]
        for length in range(1, 257)
    }
    assert len(widths) <= 25


@pytest.mark.parametrize(("epochs", "steps"), [(0, 0), (0.01, 1), (1, 3), (2.5, 8), (3, 9)])
def test_only_no_epochs_make_no_step(epochs, steps):
    assert number_of_steps(22, 8, epochs) == steps
