"""What is left of a comparison where something fails."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers import comparison
from peers.comparison import Comparison
from peers.rounds import MOST_TOLD, profile_of, shortened, without_folders

FACTS = {
    "dropout": 0.0, "rows": [8, 8], "tokens": [280, 280], "supervised": [40, 40], "longest": 46,
    "first_step": {"answers": {"loss": 10.0, "norm": 4.0}}, "precision": "fp32", "learning_rate": 1e-3, "lora": {},
    "curve_of_answers": [10.0, 9.0], "curve_of_all": [],
    "sizes": {"frozen": 1000, "head": 500, "adapter": 100},
}  # fmt: skip
RUN = {
    "examples_per_s": 20.0, "tokens_per_s": 700.0, "training_seconds": 20.0, "peak_rss_mb": 900, "peak_gpu_mb": None,
    "steps": 2, "rows": 16, "tokens": 560, "supervised": 80, "seconds": 0.4, "threads": 2, "dropouts": [0.0],
    "timed": {"rows": 8, "tokens": 280, "supervised": 40, "padded": 300}, "losses": [10.0, 9.0], "grad_norm": 4.0,
    "adapters": 4, "moved": 4, "versions": {}, "device": "cpu", "computes_in": "float32", "shares": {"copies": 1.0},
}  # fmt: skip
SIDE = """
import pathlib, sys
calls = pathlib.Path(sys.argv[1], "{side}")
number = int(calls.read_text()) + 1 if calls.exists() else 1
calls.write_text(str(number))
if number == {fails_in}:
    sys.exit("no memory")
print({run!r})
"""
ASKED = Comparison(
    model="llama-42m", workload="short", dropout=0.0, steps=2, rounds=2, sides=("native", "trl")
)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Sides that print a result; one fails in the run of this number."""
    monkeypatch.setattr(comparison, "SCRIPTS", tmp_path)
    monkeypatch.setattr(comparison.roof, "measure_anew", lambda *_, **__: {"flops": 1e9})

    def made(**fails_in):
        for side in ASKED.sides:
            program = SIDE.format(side=side, fails_in=fails_in.get(side), run=json.dumps(RUN))
            (tmp_path / comparison.SIDES[side].script).write_text(program)
        return comparison._Bench(
            folder=tmp_path, facts=FACTS, environments={"trl": {"python": sys.executable}}
        )

    return made


def test_rounds_that_are_done_are_kept_where_a_later_one_is_interrupted(bench, monkeypatch):
    roofs = iter([{"flops": 1e9}])

    def interrupted(*_, **__):
        for found in roofs:
            return found
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison.roof, "measure_anew", interrupted)
    kept = []
    with pytest.raises(KeyboardInterrupt):
        comparison._in_rounds(bench(), ASKED, {}, kept.append)
    (found,) = kept
    assert found["asked"]["rounds"] == 1
    assert found["rules"] == comparison.RULES
    assert found["ratios"]["trl"]["value"] == 1.0


def test_nothing_is_run_any_more_where_our_own_side_failed(bench, tmp_path):
    with pytest.raises(RuntimeError, match="our own side failed: native left with 1: no memory"):
        comparison._in_rounds(bench(native=1), ASKED, {}, lambda _: None)
    assert not (tmp_path / "trl").exists()


def test_a_peer_that_fails_leaves_the_rounds_of_the_others(bench):
    found = comparison._in_rounds(bench(trl=2), ASKED, {}, lambda _: None)
    assert found["not_run"] == {"trl": "trl left with 1: no memory"}
    assert found["sides"]["native"]["examples_per_s_of_rounds"] == [20.0, 20.0]


TELLING = """
import json, os, sys
print(json.dumps({"folder": os.getcwd(), "variables": dict(os.environ), "settings": json.loads(sys.argv[2])}))
"""


def test_a_peer_writes_nothing_into_the_checkout_and_tells_nobody_about_the_machine(bench, tmp_path):
    made = bench()
    (tmp_path / comparison.SIDES["trl"].script).write_text(TELLING)
    told = made.run("trl", {"steps": 2})
    assert Path(told["folder"]) == tmp_path.resolve()
    quiet = ("AXOLOTL_DO_NOT_TRACK", "DO_NOT_TRACK", "UNSLOTH_DISABLE_STATISTICS", "HF_HUB_DISABLE_TELEMETRY")
    assert [told["variables"][name] for name in quiet] == ["1"] * 4


@pytest.mark.parametrize(("cuda", "steps", "warm_up"), [(True, 80, 20), (True, 10, None), (False, 80, None)])
def test_on_a_gpu_more_steps_are_left_untimed_where_as_many_are_timed(bench, tmp_path, cuda, steps, warm_up):
    made = dataclasses.replace(bench(), facts=FACTS | {"cuda": cuda})
    (tmp_path / comparison.SIDES["trl"].script).write_text(TELLING)
    assert made.run("trl", {"steps": steps})["settings"].get("warm_up") == warm_up


KILLED = """
import os, sys
sys.stderr.write("12 % done " * 200 + "and no more")
sys.stderr.flush()
os.kill(os.getpid(), 9)
"""


def test_a_side_that_is_killed_says_by_which_signal(bench, tmp_path):
    made = bench()
    (tmp_path / comparison.SIDES["trl"].script).write_text(KILLED)
    with pytest.raises(RuntimeError) as failed:
        made.run("trl", {"steps": 2})
    told = shortened(str(failed.value))
    assert told.startswith("trl was killed by signal 9, as where memory runs out: ")
    assert told.endswith("and no more")
    assert len(told) == MOST_TOLD


TRACEBACK = """
import pathlib, sys
raise OSError(f"no room in {pathlib.Path(sys.argv[1], 'base', 'model.safetensors')}")
"""


def test_what_is_kept_of_a_side_that_fails_names_no_folder_of_the_machine(bench, tmp_path, monkeypatch):
    made = bench()
    monkeypatch.setattr(comparison, "PREPARE", tmp_path / "prepare.py")
    for script in (comparison.SIDES["trl"].script, comparison.SIDES["native"].script, "prepare.py"):
        (tmp_path / script).write_text(TRACEBACK)
    with pytest.raises(RuntimeError, match=r"no room in \.\.\./model\.safetensors") as failed:
        comparison._prepared(tmp_path, tmp_path, ASKED)
    runs = {"trl": []}
    not_run: dict[str, str] = {}
    comparison.run_round(0, runs, lambda side: made.run(side, {"steps": 2}), ours=(), not_run=not_run)
    kept = [str(failed.value), not_run["trl"], profile_of(lambda: made.run("native", {}))["not_profiled"]]
    (tmp_path / comparison.SIDES["trl"].script).write_text("print(__file__)")
    with pytest.raises(RuntimeError, match=r"told no result: \.\.\./run_trl\.py") as told:
        made.run("trl", {"steps": 2})
    assert all("Traceback" in one and "model.safetensors" in one for one in kept)
    assert not any(str(folder) in one for one in [*kept, str(told.value)] for folder in (tmp_path, "/tmp/"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("'/tmp/facts.json'", "'.../facts.json'"),
        ("-I/usr/local/include/python3", "-I.../python3"),
        ("file:///home/a/wheels/one.whl", "file://.../one.whl"),
        ("at https://example.org/a/b/c", "at https://example.org/a/b/c"),
        ("3 it/s, 1/2", "3 it/s, 1/2"),
    ],
)
def test_folders_are_left_out_and_addresses_and_shares_stay(said, told):
    assert without_folders(said) == told


def test_a_preparation_that_is_killed_ends_that_comparison_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison, "PREPARE", tmp_path / "prepare.py")
    (tmp_path / "prepare.py").write_text(KILLED)
    with pytest.raises(RuntimeError, match="preparing llama-42m was killed by signal 9"):
        comparison._prepared(tmp_path, tmp_path, ASKED)


def test_a_profile_that_fails_loses_no_round(bench):
    fails = bench(native=1)
    profile = profile_of(lambda: fails.run("native", {}))
    assert profile == {"profile": {}, "not_profiled": "native left with 1: no memory"}
