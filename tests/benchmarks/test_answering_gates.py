"""When the benchmark of answering gives a ratio, and when it refuses one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import answering_speed
from peers.sides.asked_for import digest_of

PROMPTS, LABELS = [[1, 2], [3]], [[7, 9], [8, 9]]
PAIRS = [(prompt, label) for prompt in PROMPTS for label in LABELS]
RIGHT = {"decisions": [0, 1], "asked": digest_of(PAIRS), "scored": 4}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "questions.json").write_text(json.dumps({"prompts": PROMPTS, "labels": LABELS}))
    return tmp_path


def a_peer(**told):
    """A program that tells this about itself."""
    return [sys.executable, "-c", f"print({json.dumps(json.dumps(RIGHT | told))})"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, None),
        ({"decisions": [1, 1]}, "other labels for 1 of 2 prompts"),
        ({"asked": digest_of(PAIRS[:3]), "scored": 3}, "did not score the same labels"),
        ({"scored": 3}, "did not score the same labels"),
    ],
)
def test_a_peer_must_score_the_same_labels_and_choose_the_same(folder, told, reason):
    wrong = answering_speed._wrong_decisions(folder, [0, 1], {"peer": a_peer(**told)})
    assert wrong == {} if reason is None else reason in wrong["peer"]


def runs(ours, theirs):
    return {
        "ours": [{"seconds": one, "decisions": [0], "peak_rss_mb": 1} for one in ours],
        "peer": [{"seconds": one, "decisions": [0], "peak_rss_mb": 1} for one in theirs],
    }


def test_a_ratio_is_that_of_medians_with_the_rounds_spread():
    found = answering_speed._compared(runs([1, 2, 2], [6, 8, 9]), agreed=True, by_token=False, refused={})
    assert found["ratio"] == {"peer": 4}
    assert found["spread"] == {"peer": [4, 6]}


def test_no_ratio_where_our_own_answers_are_others():
    found = answering_speed._compared(runs([1], [6]), agreed=False, by_token=False, refused={})
    assert found["ratio"] is None
    assert "are not those of the plain way" in found["reason"]


def test_a_refused_peer_has_no_ratio():
    found = answering_speed._compared(runs([1], [6]), agreed=True, by_token=False, refused={"peer": "why"})
    assert found["ratio"] == {}
    assert found["refused"] == {"peer": "why"}
