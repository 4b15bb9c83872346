"""The learning rate of every step."""

from __future__ import annotations

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from medadapt.core.recipe import TrainingSection
from medadapt.training.schedule import learning_rate, warmup_steps


def rates(schedule: str, *, total: int, warmup: int) -> list[float]:
    return [
        learning_rate(step, total=total, peak=2e-4, schedule=schedule, warmup_steps=warmup)  # type: ignore[arg-type]
        for step in range(1, total + 1)
    ]


@pytest.mark.parametrize(
    ("schedule", "reference"),
    [("cosine", get_cosine_schedule_with_warmup), ("linear", get_linear_schedule_with_warmup)],
)
@pytest.mark.parametrize(("total", "warmup"), [(12, 3), (100, 10), (7, 0)])
def test_the_schedule_is_that_of_transformers_one_step_on(schedule, reference, total, warmup):
    """Theirs begins with a step at rate 0 (and ends above 0); ours begins where theirs has its second step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2e-4)
    theirs = reference(optimizer, warmup, total + 1)
    expected = []
    for _ in range(total):
        optimizer.step()
        theirs.step()
        expected.append(theirs.get_last_lr()[0])
    assert rates(schedule, total=total, warmup=warmup) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_every_step_learns(schedule):
    assert all(rate > 0 for rate in rates(schedule, total=5, warmup=4))


@pytest.mark.parametrize(
    ("warmup", "total", "expected"),
    [(0.1, 100, 10), (0.0, 100, 0), (30, 100, 30), (500, 100, 99), (0.5, 1, 0)],
)
def test_a_warm_up_below_1_is_a_share_and_from_1_on_a_number(warmup, total, expected):
    assert warmup_steps(TrainingSection(warmup=warmup), total) == expected
