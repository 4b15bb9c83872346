"""When the benchmark of answering gives a ratio, and when it refuses one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import answering_speed
from answering import page
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


BROKEN = [sys.executable, "-c", "raise SystemExit('no such option')"]


def test_a_peer_that_fails_where_its_choices_are_looked_at_is_refused(folder):
    assert "no such option" in answering_speed._wrong_decisions(folder, [0, 1], {"peer": BROKEN})["peer"]


def test_what_is_told_of_a_peer_that_fails_names_no_folder_of_the_machine(folder):
    (folder / "fails.py").write_text("raise OSError('no such option')")
    wrong = answering_speed._wrong_decisions(
        folder, [0, 1], {"peer": [sys.executable, str(folder / "fails.py")]}
    )
    assert ".../fails.py" in wrong["peer"]
    assert str(folder) not in wrong["peer"]


KILLED = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]


def test_a_peer_that_is_killed_says_by_which_signal(folder):
    wrong = answering_speed._wrong_decisions(folder, [0, 1], {"peer": KILLED})
    assert "it was killed by signal 9" in wrong["peer"]


def test_a_process_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(answering_speed, "LONGEST_RUN_S", 0.01)
    with pytest.raises(RuntimeError, match="given up after"):
        answering_speed._last_line([sys.executable, "-c", "import time; time.sleep(60)"])


@pytest.fixture
def measured(folder, monkeypatch):
    """What one round of labels finds beside this peer; our own program prints the same whatever it is asked."""
    ours = {
        "seconds": 2.0,
        "decisions": [0, 1],
        "peak_rss_mb": 1,
        "labels_read": 2.0,
        "shares": {"copies": 1.0},
    }
    program = folder / "ours.py"
    monkeypatch.setattr(answering_speed, "__file__", str(program))
    monkeypatch.setattr(answering_speed.roof, "measure_anew", lambda *_, **__: {"flops": 1e9})
    questions = json.loads((folder / "questions.json").read_text())
    questions |= {"precision": "fp32", "sizes": {"frozen": 10, "head": 1}}
    (folder / "questions.json").write_text(json.dumps(questions))

    def of(peer, *, profile_fails=False):
        fails = "if sys.argv[2] == 'profile': sys.exit('no memory')\n" if profile_fails else ""
        program.write_text(f"import sys\n{fails}print({json.dumps(json.dumps(ours))})")
        return answering_speed._work_measured(
            "llama-42m",
            answering_speed.WORKS["labels"],
            folder,
            {"ours": {"labels": True, "best": True}, "wrong": {}},
            rounds=1,
            others={"peer": peer},
            read={"prompt": 2, "nodes": 3},
        )

    return of


def test_a_peer_that_fails_is_left_out_and_the_others_are_told(measured):
    found = measured(BROKEN)
    assert "no such option" in found["not_run"]["peer"]
    assert found["ratio"] == {"ours-best": 1.0, "generate": 1.0, "generate-label": 1.0}
    assert "peer, llama-42m, labels: not run, " in "\n".join(page._of_work("llama-42m", "labels", found))


def test_a_profile_that_fails_loses_no_ratio_and_is_told(measured):
    found = measured(a_peer(seconds=6.0, peak_rss_mb=1), profile_fails=True)
    assert found["ratio"]["peer"] == 3.0
    assert "not known, because that run failed (" in "\n".join(page._of_work("llama-42m", "labels", found))


def test_bases_that_are_measured_are_kept_where_a_later_one_fails(monkeypatch):
    def of_base(_, name, **__):
        if name == "llama-135m":
            raise RuntimeError("no memory")
        return {"prompts": 64}

    monkeypatch.setattr(answering_speed, "make_all", lambda *_, **__: {"lm_eval": {"problem": "no network"}})
    monkeypatch.setattr(answering_speed, "_measured", of_base)
    kept = []
    with pytest.raises(RuntimeError, match="no memory"):
        answering_speed.measure(Path("nowhere"), kept.append, rounds=1)
    assert [list(found["models"]) for found in kept] == [["llama-42m"]]


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
