from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import ModelError
from medadapt.predictions.batching import TokenBudget, answering, in_batches, right_padded


@given(
    lengths=st.lists(st.integers(min_value=0, max_value=50), max_size=40),
    tokens=st.integers(min_value=1, max_value=200),
)
def test_every_row_is_done_once_within_the_budget(lengths, tokens):
    batches: list[list[int]] = []
    done: list[int] = []
    in_batches(lengths, TokenBudget(tokens), batches.append, done.append)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert sum(done) == len(lengths)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= tokens


def test_rows_of_equal_length_stay_in_their_order():
    batches: list[list[int]] = []
    in_batches([3, 9, 3, 9, 3], TokenBudget(18), batches.append, lambda _: None)
    assert batches == [[1, 3], [0, 2, 4]]


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"
        ),
        MemoryError(),
    ],
)
def test_a_batch_that_does_not_fit_is_repeated_in_halves(problem):
    done: list[int] = []

    def work(batch: list[int]) -> None:
        if len(batch) > 3:
            raise problem
        done.extend(batch)

    budget = TokenBudget(1000)
    in_batches([10] * 16, budget, work, lambda _: None)
    assert done == list(range(16))
    assert budget.tokens == 20  # 16 rows, then 8, 4, 2: the smaller budget stays


def test_one_row_too_large_for_memory_is_an_error_for_the_user():
    def work(batch: list[int]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="70 tokens"):
        in_batches([70, 5], TokenBudget(100), work, lambda _: None)


def test_other_errors_are_not_taken_for_missing_memory():
    def work(batch: list[int]) -> None:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([1, 1], TokenBudget(100), work, lambda _: None)


def test_shorter_rows_are_padded_on_the_right():
    assert right_padded([[5, 6, 7], [8]], torch.device("cpu")).tolist() == [[5, 6, 7], [8, 0, 0]]


def test_answering_restores_the_mode_of_every_module():
    model = torch.nn.Sequential(torch.nn.Dropout(), torch.nn.Sequential(torch.nn.Dropout()))
    model.train()
    model[1].eval()
    with answering(model):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
    assert [module.training for module in model.modules()] == [True, True, False, False]
    assert torch.is_grad_enabled()
