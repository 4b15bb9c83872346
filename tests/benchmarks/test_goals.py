"""Goals beside what was measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import goals


def compared(ratio: float | None):
    return {
        "training_peers-llama-42m-short-0.05": {
            "found": {
                "asked": {"model": "llama-42m", "workload": "short", "dropout": 0.05},
                "sides": {"native": {"needed_flops_per_s": 3e11, "peak_rss_mb": 900}},
                "ratios": {"trl": {"value": ratio, "low": 2.5, "high": 9.5}},
                "roofs": [{"flops": 5e11}, {"flops": 1e12}],
                "profile": {"matrix products": 0.5, "copies": 0.5},
            }
        }
    }


def test_a_goal_that_is_reached_is_not_explained():
    page = "\n".join(goals.section(compared(9.0), has_amx=True))
    assert (
        "| training against TRL's defaults, short rows | llama-42m, dropout 0.05 | 6.0x | 10.0x | 9.0x "
        "| 2.5x to 9.5x | 150% |" in page
    )
    assert "Where a goal is missed" not in page


def test_a_missed_goal_stands_with_where_the_time_goes_and_how_far_the_goal_is():
    page = "\n".join(goals.section(compared(3.0), has_amx=True))
    assert "| 3.0x | 2.5x to 9.5x | 50% |" in page
    assert (
        "- training against TRL's defaults, short rows, llama-42m, dropout 0.05: ours reaches 30% of the roof, the "
        "goal lies at 60%; matrix products 50 %, copies 50 %\n"
    ) in page


def test_a_machine_without_amx_is_told_to_be_another_than_the_goals_are_for():
    assert goals.SET_FOR_AMX in "\n".join(goals.section(compared(3.0), has_amx=False))
    assert goals.SET_FOR_AMX not in "\n".join(goals.section(compared(3.0), has_amx=True))


def test_two_goals_missed_for_one_reason_share_its_words():
    stored = compared(3.0)
    found = stored["training_peers-llama-42m-short-0.05"]["found"]
    found["ratios"]["llamafactory"] = found["ratios"]["trl"]
    page = "\n".join(goals.section(stored, has_amx=True))
    assert page.count(goals.SMALL_STEPS) == 1


def test_a_refused_ratio_is_neither_reached_nor_missed():
    page = "\n".join(goals.section(compared(None), has_amx=True))
    assert "| refused |  |  |" in page
    assert "Where a goal is missed" not in page


@pytest.mark.parametrize(("seconds", "share", "missed"), [(100.0, "150%", False), (300.0, "50%", True)])
def test_a_time_is_to_be_below_its_goal(seconds, share, missed):
    stages = {"prepare": {"seconds": seconds}, "encode": {"seconds": seconds}}
    page = "\n".join(goals.section({"data_path": {"found": {"sizes": {"100000": stages}}}}, has_amx=True))
    assert f"| {share} |" in page
    assert ("Where a goal is missed" in page) is missed


def test_nothing_measured_is_no_section():
    assert list(goals.section({}, has_amx=True)) == []


def test_what_no_machine_has_measured_is_told():
    page = "\n".join(goals.unmeasured([{}, compared(9.0)]))
    assert "- training against TRL's defaults, long rows: goal 2.5x" in page
    assert "- training against TRL's defaults, short rows" not in page
    assert (
        "- training of llama-42m, symptom rows, dropout 0.05, beside a tutorial's script, TRL, defaults"
        in page
    )
    assert "- training of opt-1.3b, symptom rows, dropout 0.0\n" in page
    assert "one H200" in page
