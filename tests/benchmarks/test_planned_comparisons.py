"""Which comparisons are run, and what is tried for the tuned peer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.comparison import compared
from peers.gates import Promise
from peers.rounds import LONGEST_RUN_S
from peers.tuning import axes, search
from training_peers import PLAN, name_of, planned

NOTHING_ASKED = {"model": None, "workload": None, "dropout": None, "sides": None, "steps": None, "rounds": 5}


def test_the_plan_covers_every_pair_with_and_without_dropout_under_names_of_their_own():
    made = planned(**NOTHING_ASKED)
    assert len(made) == 2 * len(PLAN)
    assert len({name_of(one) for one in made}) == len(made)
    assert all(one.sides[0] == "native" for one in made)


def test_a_pair_outside_the_plan_can_be_asked_for():
    asked = {**NOTHING_ASKED, "model": "qwen2.5-0.5b", "workload": "long", "dropout": 0.0, "sides": ["trl"]}
    (one,) = planned(**asked)
    assert (one.model, one.workload, one.dropout, one.sides) == (
        "qwen2.5-0.5b",
        "long",
        0.0,
        ("native", "trl"),
    )


def test_a_base_outside_the_plan_that_is_asked_for_alone_is_compared_on_short_rows():
    made = planned(**{**NOTHING_ASKED, "model": "llama-3.1-8b"})
    assert {(one.model, one.workload) for one in made} == {("llama-3.1-8b", "short")}


@pytest.mark.parametrize(("gpu_gb", "rows"), [(None, set()), (16.0, set()), (139.0, {"short", "long"})])
def test_a_gpu_with_room_for_it_compares_the_largest_base_too(gpu_gb, rows):
    made = planned(**NOTHING_ASKED, gpu_gb=gpu_gb)
    assert {one.workload for one in made if one.model == "llama-3.1-8b"} == rows


def test_a_gpu_takes_many_more_steps():
    steps = {(one.model, one.workload): one.steps for one in planned(**NOTHING_ASKED, gpu_gb=16.0)}
    assert steps["llama-42m", "short"] == 330
    assert min(steps.values()) == 60
    assert {one.steps for one in planned(**{**NOTHING_ASKED, "steps": 8}, gpu_gb=16.0)} == {8}


def test_a_machine_without_bf16_takes_fewer_steps_unless_it_is_asked_for_more():
    slow = planned(**NOTHING_ASKED, is_slow=True)
    assert {one.steps for one in slow} == {11, 6, 5}
    assert {one.steps for one in planned(**{**NOTHING_ASKED, "steps": 33}, is_slow=True)} == {33}


def test_a_machine_without_bf16_measures_less_of_larger_bases_unless_they_are_asked_for():
    slow = planned(**NOTHING_ASKED, is_slow=True)
    without_dropout = {one.model for one in slow if one.dropout == 0.0}
    beside_peers = {one.model for one in slow if len(one.sides) > 1}
    assert without_dropout == {"llama-42m", "llama-135m"}
    assert beside_peers == {*without_dropout, "qwen2.5-0.5b"}
    assert {one.model for one in slow} == {model for model, _ in PLAN}
    for model in ("qwen2.5-0.5b", "llama-3.2-1b"):
        asked = planned(**{**NOTHING_ASKED, "model": model}, is_slow=True)
        assert [one.dropout for one in asked] == [0.05, 0.0]
        assert all("trl_tuned" in one.sides for one in asked)


def test_a_machine_without_bf16_runs_trainers_that_take_it_by_default_only_where_they_are_asked_for():
    in_software = {"trl", "llamafactory"}
    assert in_software <= set(planned(**NOTHING_ASKED)[0].sides)
    slow = planned(**NOTHING_ASKED, is_slow=True)
    assert not any(in_software & set(one.sides) for one in slow)
    assert {"tutorial", "trl_tuned"} <= set(slow[0].sides)
    (asked, _) = planned(
        **{**NOTHING_ASKED, "model": "llama-42m", "workload": "short", "sides": ["trl"]}, is_slow=True
    )
    assert asked.sides == ("native", "trl")


def test_kernels_and_the_number_format_for_a_gpu_are_tried_only_there():
    facts = {"batch": 8, "longest": 46, "tokens": [290], "precision": "bf16"}
    named = {name for options in axes(facts) for name in options}
    assert {name for options in axes(facts, cuda=True) for name in options} - named == {
        "fp16",
        "flash_attention_2",
        "Liger kernels",
    }


def test_a_gpu_that_is_quick_in_fp16_has_it_tried_first():
    facts = {"batch": 8, "longest": 46, "tokens": [290], "precision": "fp16"}
    formats, *_ = axes(facts, cuda=True)
    assert list(formats) == ["fp16", "bf16", "fp32"]
    assert formats["fp16"] == {"bf16": False, "fp16": True, "model_init_kwargs": {"dtype": "float16"}}


@pytest.mark.parametrize(("gain", "chosen"), [(0.7, False), (1.3, True)])
def test_recomputed_activations_are_tried_and_taken_where_they_are_quicker(gain, chosen):
    def run(asked, _):
        speed = speed_of(asked["sft"]) * (gain if asked["sft"]["activation_checkpointing"] else 1)
        return a_try(speed)

    tried = search(FACTS, run, 33)
    assert ("fp32", "eager", "activations recomputed") in {one.choices for one in tried}
    assert tried[0].sft["activation_checkpointing"] is chosen


def test_packs_hold_the_longest_row_and_as_many_rows_as_a_step():
    *_, short = axes({"batch": 8, "longest": 46, "tokens": [290, 280, 300], "precision": "bf16"})
    assert "1 packs (bfd) of 290 tokens" in short
    *_, long = axes({"batch": 8, "longest": 510, "tokens": [2000, 2100, 2048], "precision": "bf16"})
    assert "4 packs (bfd) of 512 tokens" in long


FACTS = {"batch": 8, "longest": 46, "tokens": [290, 280, 300], "precision": "bf16"}


def speed_of(sft) -> float:
    """A machine on which fp32, eager attention and half batches pay, and padding and packing do not."""
    speed = 10.0 if sft.get("bf16") is False else 1.0
    speed *= 2 if sft["model_init_kwargs"].get("attn_implementation") == "eager" else 1
    speed *= 0.5 if "pad_to_multiple_of" in sft else 1
    speed *= 1.5 if sft.get("gradient_accumulation_steps") == 2 else 1
    return speed * (0.1 if sft.get("packing") else 1)


def a_try(speed: float, *, tokens_a_row: float = 35):
    """What a side that trains so many rows a second tells."""
    return {
        "examples_per_s": speed,
        "tokens_per_s": speed * tokens_a_row,
        "peak_rss_mb": 1,
        "process_seconds": 20.0,
    }


def test_rows_that_are_quicker_because_they_are_shorter_do_not_win_the_search():
    def run(asked, _):
        if asked["sft"].get("train_sampling_strategy") == "group_by_length":
            return a_try(100.0, tokens_a_row=8)
        return a_try(speed_of(asked["sft"]))

    tried = search(FACTS, run, 33)
    assert not tried[0].regroups
    assert tried[0].token_speeds == tuple(35 * speed for speed in tried[0].speeds)
    assert max(one.speeds[0] for one in tried if one.regroups) > tried[0].speeds[0]


def test_the_search_finds_the_quickest_settings_along_all_axes():
    best = search(FACTS, lambda asked, _: a_try(speed_of(asked["sft"])), 33)[0]
    assert best.choices[:2] == ("fp32", "eager")
    assert best.sft["bf16"] is False
    assert best.sft["model_init_kwargs"] == {"dtype": "float32", "attn_implementation": "eager"}
    assert best.sft["gradient_accumulation_steps"] == 2
    assert best.sft["activation_checkpointing"] is False
    assert not {"packing", "pad_to_multiple_of"} & set(best.sft)


def test_no_try_lasts_longer_than_a_side_may():
    limits = []

    def run(asked, limit_s):
        limits.append(limit_s)
        return a_try(1.0) | {"process_seconds": LONGEST_RUN_S / 2}

    search(FACTS, run, 33)
    assert set(limits) == {LONGEST_RUN_S}


@pytest.mark.parametrize(("cuda", "steps"), [(True, 60), (False, 10)])
def test_a_try_on_a_gpu_takes_more_steps(cuda, steps):
    taken = set()

    def run(asked, _):
        taken.add(asked["steps"])
        return a_try(1.0)

    search(FACTS, run, 330, cuda=cuda)
    assert taken == {steps}


def test_one_lucky_try_does_not_win_the_search():
    lucky = iter([30.0])

    def run(asked, _):
        sft = asked["sft"]
        speed = speed_of(sft)
        if sft.get("packing"):
            speed = next(lucky, 2.0)
        return a_try(speed)

    best = search(FACTS, run, 33)[0]
    assert not best.regroups
    assert len(best.speeds) == 3


def test_settings_that_fail_do_not_end_the_search():
    def run(asked, _):
        if asked["sft"].get("packing"):
            raise RuntimeError("no kernel for packs")
        return a_try(speed_of(asked["sft"]))

    tried = search(FACTS, run, 33)
    assert tried[0].speed > 0
    assert [one.problems for one in tried if one.sft.get("packing")] == [("no kernel for packs",)]


def test_the_format_that_the_device_is_quick_in_comes_first_and_what_takes_too_long_is_given_up():
    limits = {}

    def run(asked, limit_s):
        kind = asked["sft"]["model_init_kwargs"]["dtype"]
        limits.setdefault(kind, limit_s)
        if kind == "bfloat16":
            raise RuntimeError(f"given up after {limit_s:.0f} s")
        return a_try(6.0)

    tried = search(FACTS | {"precision": "fp32"}, run, 33)
    assert limits == {"float32": LONGEST_RUN_S, "bfloat16": 80.0}
    assert [one.problems for one in tried if one.choices == ("bf16",)] == [("given up after 80 s",)]


def a_run(speed: float, **changed):
    return {
        "examples_per_s": speed, "tokens_per_s": speed * 35, "process_seconds": 30.0, "training_seconds": 20.0,
        "peak_rss_mb": 900, "peak_gpu_mb": None, "steps": 2, "rows": 16, "tokens": 560, "supervised": 80,
        "timed": {"rows": 8, "tokens": 280, "supervised": 40, "padded": 300}, "seconds": 8 / speed,
        "losses": [10.0, 9.0], "grad_norm": 4.0, "adapters": 4, "moved": 4, "versions": {}, "threads": 2,
        "dropouts": [0.0], "device": "cpu", "computes_in": "float32", **changed,
    }  # fmt: skip


PREPARED = {
    "dropout": 0.0, "rows": [8, 8], "tokens": [280, 280], "supervised": [40, 40],
    "first_step": {"answers": {"loss": 10.0, "norm": 4.0}},
    "sizes": {"frozen": 1000, "head": 500, "adapter": 100},
}  # fmt: skip


def test_a_side_that_breaks_a_gate_in_one_round_keeps_its_speed_and_loses_its_ratio():
    runs = {
        "native": [a_run(20.0), a_run(22.0)],
        "trl": [a_run(5.0), a_run(4.0)],
        "llamafactory": [a_run(5.0), a_run(5.0, moved=2)],
    }
    found = compared(runs, PREPARED, dict.fromkeys(runs, Promise()))
    assert found["ratios"]["trl"]["value"] == 21.0 / 4.5
    assert found["ratios"]["llamafactory"]["value"] is None
    assert found["sides"]["llamafactory"]["examples_per_s"] == 5.0
    needed = 4 * 1000 * 280 + 4 * 500 * 40 + 6 * 100 * 280
    rates = sorted(needed / run["seconds"] for run in runs["native"])
    assert found["sides"]["native"]["needed_flops_per_s"] == sum(rates) / 2


def test_a_side_that_times_other_rows_is_compared_by_real_tokens():
    runs = {"native": [a_run(20.0)], "trl_tuned": [a_run(10.0, tokens_per_s=700.0)]}
    promises = {"native": Promise(), "trl_tuned": Promise(same_steps=False)}
    assert compared(runs, PREPARED, promises)["ratios"]["trl_tuned"]["value"] == 1.0
    assert compared(runs, PREPARED, dict.fromkeys(runs, Promise()))["ratios"]["trl_tuned"]["value"] == 2.0
