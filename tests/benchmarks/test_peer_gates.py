"""When the speeds of two trainings may be compared: only if both did the same work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.gates import CURVE_STEPS, Promise, broken_gates

FACTS = {
    "dropout": 0.0,
    "rows": [8, 8, 8],
    "tokens": [280, 290, 300],
    "supervised": [40, 50, 60],
    "first_step": {"answers": {"loss": 10.0, "norm": 4.0}, "all": {"loss": 9.0, "norm": 2.0}},
    "curve_of_all": [9.0, 8.0, 7.0],
    "curve_of_answers": [10.0, 9.0],
}
OURS = {
    "losses": [10.0, 9.0, 8.0], "grad_norm": 4.0, "steps": 3, "rows": 24, "tokens": 870, "supervised": 150,
    "adapters": 112, "moved": 112, "dropouts": [0.0], "threads": 2,
    "device": "cpu",
}  # fmt: skip
ALL = {**OURS, "losses": [9.0, 8.0, 7.0], "grad_norm": 2.0, "tokens": 870 - 24, "supervised": 870 - 24}


def test_the_same_work_breaks_no_gate():
    assert broken_gates(OURS, OURS, FACTS, Promise()) == []


def test_a_side_may_take_fewer_steps_of_the_same_rows():
    fewer = {**OURS, "losses": [10.0, 9.0], "steps": 2, "rows": 16, "tokens": 570, "supervised": 90}
    assert broken_gates(fewer, OURS, FACTS, Promise()) == []


def test_a_side_that_learns_prompts_is_held_against_what_that_means():
    assert broken_gates(ALL, OURS, FACTS, Promise(learns="all")) == []
    assert broken_gates(ALL, OURS, FACTS, Promise())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"losses": [10.0, float("nan"), 8.0]}, "not finite"),
        ({"losses": []}, "not finite"),
        ({"tokens": 860}, "860 tokens instead of 870"),
        ({"supervised": 870}, "870 learned tokens instead of 150"),
        ({"rows": 23}, "23 rows instead of 24"),
        ({"moved": 100}, "12 of 112 tensors"),
        ({"grad_norm": 0.0}, "zero or unknown"),
        ({"grad_norm": None}, "zero or unknown"),
        ({"grad_norm": 4.2}, "length 4.2 instead of 4"),
        ({"dropouts": [0.05]}, "dropout is [0.05] instead of 0.0"),
        ({"dropouts": [0.0, 0.1]}, "dropout is [0.0, 0.1] instead of 0.0"),
        ({"threads": 1}, "1 threads instead of 2"),
        ({"device": "mps"}, "trained on mps instead of cpu"),
        ({"losses": [10.1, 9.0, 8.0]}, "first loss is 10.1"),
        ({"losses": [10.0, 9.0, 8.2]}, "off by 20% of what was learned"),
        ({"losses": [10.0, 9.0]}, "2 losses of 3 steps"),
    ],
)
def test_other_work_breaks_a_gate(changed, told):
    assert any(told in reason for reason in broken_gates({**OURS, **changed}, OURS, FACTS, Promise()))


def test_with_dropout_the_masks_may_change_the_curve_and_the_gradient_but_not_the_first_loss():
    facts = {**FACTS, "dropout": 0.05}
    masked = {**OURS, "losses": [10.0, 9.05, 8.05], "grad_norm": 4.3, "dropouts": [0.05]}
    assert broken_gates(masked, OURS, facts, Promise()) == []
    assert broken_gates({**masked, "losses": [10.1, 9.05, 8.05]}, OURS, facts, Promise())
    assert broken_gates({**masked, "losses": [10.0, 9.2, 8.05]}, OURS, facts, Promise())


@pytest.mark.parametrize(
    ("alike", "learns_less"),
    [
        ([10.02, 9.02], [10.0, 9.2]),
        # A further step lies lower, and says nothing about whether the others learn alike.
        ([10.02, 9.03, 8.02, 7.3], [10.0, 9.4, 8.7, 7.0]),
    ],
)
def test_rows_put_together_otherwise_need_the_same_rows_in_all_and_the_same_mean_loss(alike, learns_less):
    packed = {**OURS, "losses": alike, "grad_norm": 3.0, "steps": len(alike)}
    promise = Promise(same_steps=False)
    assert broken_gates(packed, OURS, FACTS, promise) == []
    assert broken_gates({**packed, "losses": learns_less}, OURS, FACTS, promise)
    assert broken_gates({**packed, "rows": 20}, OURS, FACTS, promise)


@pytest.mark.parametrize("promise", [Promise(), Promise(same_steps=False)])
def test_a_side_that_learns_nothing_is_refused_where_little_is_to_be_learned(promise):
    ours = {**OURS, "losses": [10.0, 9.9, 9.8]}
    still = {**OURS, "losses": [10.0, 10.0, 10.0]}
    assert any("of what was learned" in reason for reason in broken_gates(still, ours, FACTS, promise))


def test_a_script_that_learns_prompts_is_held_against_a_plain_computation_of_its_steps():
    still = {**ALL, "losses": [9.0, 9.0, 9.0]}
    assert any(
        "of what was learned" in one for one in broken_gates(still, OURS, FACTS, Promise(learns="all"))
    )


def test_our_own_losses_are_held_against_a_plain_computation_where_there_is_one():
    measure = Promise(is_measure=True)
    assert broken_gates(OURS, OURS, FACTS, measure) == []
    still = {**OURS, "losses": [10.0, 9.9, 9.8]}
    assert any("of what was learned" in one for one in broken_gates(still, still, FACTS, measure))
    assert broken_gates(still, still, FACTS | {"curve_of_answers": []}, measure) == []


@pytest.mark.parametrize(("dropout", "is_told"), [(0.05, None), (0.0, "a step's loss")])
def test_with_dropout_one_unlucky_step_of_ours_refuses_nothing_but_a_mean_that_is_off_does(dropout, is_told):
    facts = FACTS | {"dropout": dropout, "curve_of_answers": [10.0, 9.0, 8.0]}
    unlucky = {**OURS, "losses": [10.0, 9.25, 7.8], "dropouts": [dropout]}
    found = broken_gates(unlucky, unlucky, facts, Promise(is_measure=True))
    assert [is_told in reason for reason in found] == [True] if is_told else found == []
    off = {**unlucky, "losses": [10.0, 9.25, 8.25]}
    (reason,) = broken_gates(off, off, facts, Promise(is_measure=True))
    assert (is_told or "the mean loss") in reason
    peer = broken_gates(unlucky, {**unlucky, "losses": [10.0, 9.0, 8.0]}, facts, Promise())
    assert "a step's loss" in peer[0]


def test_late_steps_of_a_long_training_are_not_held_against_each_other():
    steps = CURVE_STEPS + 7
    falling = [10.0 - step / steps for step in range(steps)]
    facts = {"rows": [8] * steps, "tokens": [280] * steps, "supervised": [40] * steps}
    work = {"steps": steps, "rows": 8 * steps, "tokens": 280 * steps, "supervised": 40 * steps}
    ours = {**OURS, **work, "losses": falling}
    late = {**ours, "losses": [*falling[:-7], *[12.0] * 7]}
    assert broken_gates(late, ours, FACTS | facts, Promise()) == []
    early = {**ours, "losses": [*falling[:-8], *[12.0] * 8]}
    assert broken_gates(early, ours, FACTS | facts, Promise())


def test_nothing_is_compared_where_ours_learned_nothing():
    flat = {**OURS, "losses": [10.0, 10.0, 10.0]}
    assert broken_gates(flat, flat, FACTS, Promise()) == [
        "nothing was learned that losses could be held against"
    ]
