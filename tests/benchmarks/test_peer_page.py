"""The part of RESULTS.md about the peers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.comparison import RULES
from peers.page import (
    EARLIER,
    EARLIER_GATES,
    EARLIER_SEARCH,
    IN_SOFTWARE,
    draw,
    is_uneven,
    share_of_roof,
    training_section,
)


def a_side(speed: float):
    return {
        "examples_per_s": speed, "steps": 33, "share_of_roof": None, "padded_by_real": 1.2, "peak_gpu_mb": None,
        "peak_rss_mb": 900, "start_up_seconds": 12.3, "tokens_a_row": 36.0, "learned_a_row": 6.0,
        "computes_in": "bfloat16", "dropouts": [0.0], "tokens_per_s": 36 * speed,
    }  # fmt: skip


STORED = {
    "training_peers-llama-42m-short-0.0": {
        "about": {"measured": "2026-01-01", "commit": "0" * 40, "command": "python benchmarks/run.py"},
        "found": {
            "asked": {"model": "llama-42m", "workload": "short", "dropout": 0.0, "rounds": 5},
            "sides": {"native": a_side(30.0), "trl": a_side(7.5), "llamafactory": a_side(9.0)},
            "ratios": {
                "trl": {"value": 4.0, "low": 3.5, "high": 4.5, "refused": []},
                "llamafactory": {
                    "value": None,
                    "low": None,
                    "high": None,
                    "refused": ["23 rows instead of 24"],
                },
            },
            "broken_gates": {"native": [], "trl": [], "llamafactory": ["23 rows instead of 24"]},
            "facts": {},
            "search": [],
            "not_run": {"unsloth": "not run: it needs a CUDA device"},
        },
    }
}


def test_a_ratio_stands_with_its_spread_and_a_refused_one_with_its_reason_alone():
    page = "\n".join(training_section(STORED, figure=None))
    assert "| TRL, defaults | 7.5 | 33 | 4.0 (3.5 to 4.5) | bf16 |" in page
    assert "| LLaMA-Factory, defaults | 9.0 | 33 | refused: 23 rows instead of 24 | bf16 |" in page
    assert "Unsloth, defaults (8-bit optimiser): not run: it needs a CUDA device" in page


@pytest.mark.parametrize(("instructions", "is_told"), [([], True), (["AMX", "AVX512-BF16"], False)])
def test_a_side_that_computes_bf16_in_software_is_told(instructions, is_told):
    one = STORED["training_peers-llama-42m-short-0.0"]
    stored = {
        "training_peers-llama-42m-short-0.0": one | {"about": one["about"] | {"instructions": instructions}}
    }
    assert (IN_SOFTWARE in "\n".join(training_section(stored, figure=None))) is is_told


def test_the_roof_is_the_best_rate_of_products_of_any_size():
    found = {
        "sides": {"native": {"needed_flops_per_s": 4e11}},
        "roofs": [{"flops": 5e11, "large_flops": 8e11}, {"flops": 6e11}],
    }
    assert share_of_roof(found, "native") == 0.5


@pytest.mark.parametrize(
    ("of_small", "of_large", "is_told"), [(2e11, 8e11, False), (5e11, 4e11, True), (5e11, None, True)]
)
def test_a_machine_is_uneven_where_the_best_rates_of_its_rounds_are_apart(of_small, of_large, is_told):
    other = {"flops": of_small} | ({"large_flops": of_large} if of_large else {})
    assert is_uneven([{"flops": 5e11, "large_flops": 8e11}, other]) is is_told


def page_of(**changed):
    """The page of the comparison with something changed in what it found."""
    one = STORED["training_peers-llama-42m-short-0.0"]
    return "\n".join(training_section({"name": one | {"found": one["found"] | changed}}, figure=None))


def test_why_there_is_no_profile_is_told():
    page = page_of(profile={}, not_profiled="native left with 1: no memory")
    assert "Where ours spends its time is not known: native left with 1: no memory" in page


def test_how_a_side_failed_stands_before_the_end_of_what_it_said():
    reason = f"trl was killed by signal 9, as where memory runs out: {'12 % done ' * 200}and no more"
    page = page_of(not_run={"trl": reason})
    assert "TRL, defaults: trl was killed by signal 9, as where memory runs out" in page
    assert "12 % done and no more\n" in page


def tried(*choices, **told):
    return {"choices": choices, "speeds": [2.0], "problems": [], **told}


def test_why_a_setting_of_the_tuned_peer_failed_is_told():
    failed = tried("bf16", "flash_attention_2", speeds=[0.0], problems=["trl_tuned left with 1: no module"])
    page = page_of(search=[tried("bf16", "activations recomputed"), failed])
    assert "bf16, flash_attention_2: failed (trl_tuned left with 1: no module)" in page


SEARCHED = [tried("bf16", "activations recomputed")]
ROOF = {
    "flops": 5e11, "large_flops": 6e11, "large_tokens": 1024, "tokens": 290, "bandwidth_gb_s": 30.0, "call_us": 4.0,
    "new_shape": {"first_ms": 2.0, "again_ms": 1.0}, "attention": [{"tokens": 40, "fused_ms": 2.0, "plain_ms": 1.0}],
}  # fmt: skip
UNNUMBERED = "Made before rules were numbered"
MARKS = (EARLIER, EARLIER_GATES, EARLIER_SEARCH, "Made under rules", UNNUMBERED, "is still that of rows")


@pytest.mark.parametrize(
    ("changed", "mark"),
    [
        ({}, None),
        ({"rules": None}, UNNUMBERED),
        ({"rules": RULES - 1}, "Made under rules"),
        ({"roofs": [{key: ROOF[key] for key in ROOF if not key.startswith("large")}]}, EARLIER_GATES),
        ({"search": [tried("bf16")]}, EARLIER_SEARCH),
    ],
)
def test_a_comparison_is_marked_where_it_was_judged_otherwise_than_today(changed, mark):
    found = {"rules": RULES, "roofs": [ROOF], "search": SEARCHED, **changed}
    page = page_of(**{key: value for key, value in found.items() if value is not None})
    assert [one for one in MARKS if one in page] == ([mark] if mark else [])


def test_a_result_from_before_several_changes_says_all_of_them():
    native = {key: value for key, value in a_side(30.0).items() if key != "dropouts"}
    page = page_of(sides={"native": native}, search=[tried("bf16")], ratios={})
    assert [one for one in MARKS if one in page] == [EARLIER, EARLIER_SEARCH, UNNUMBERED]


def test_what_a_setting_was_chosen_by_stands_beside_its_speed():
    page = page_of(search=[tried("bf16", speeds=[12.0, 0.0], token_speeds=[430.0, 410.0]), tried("fp32")])
    assert "TRL was tuned over: bf16: 12.0/s, 420.0 tokens/s; fp32: 2.0/s." in page


def test_a_ratio_by_rows_where_other_rows_were_timed_stands_with_that_by_tokens():
    ours, theirs = a_side(30.0), a_side(10.0) | {"tokens_per_s": 300.0}
    found = {
        "sides": {"native": ours, "trl_tuned": theirs},
        "ratios": {"trl_tuned": {"value": 3.0, "low": 2.9, "high": 3.1, "refused": []}},
        "broken_gates": {"native": [], "trl_tuned": []},
        "search": SEARCHED,
    }
    assert "is still that of rows a second; by real tokens it is 3.6." in page_of(**found)
    assert "is still that of rows" not in page_of(**found, rules=RULES)


def test_that_ours_was_held_against_a_plain_computation_is_told_of_those_that_were():
    told = "against a plain fp32 computation of its first 2 steps"
    assert told in page_of(facts={"curve_of_answers": [10.0, 9.0]})
    assert told not in page_of(facts={"curve_of_answers": []})


def test_the_plot_is_written(tmp_path):
    draw(STORED, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").stat().st_size > 1000


def test_a_comparison_of_ours_alone_has_no_panel(tmp_path):
    ((name, one),) = STORED.items()
    alone = one | {"found": one["found"] | {"ratios": {}}}
    draw({name: one}, tmp_path / "without.png")
    draw({name: one, "other": alone}, tmp_path / "with.png")
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()


def test_a_side_in_bf16_in_software_is_not_drawn(tmp_path):
    ((name, one),) = STORED.items()
    about, found = one["about"] | {"instructions": []}, one["found"]
    tuned = {"value": 3.0, "low": 2.0, "high": 4.0, "refused": []}
    sides = {"native": a_side(30.0), "trl_tuned": a_side(10.0) | {"computes_in": "float32"}}
    in_fp32 = found | {"sides": sides, "ratios": {"trl_tuned": tuned}}
    in_both = found | {
        "sides": sides | {"trl": a_side(0.6)},
        "ratios": {"trl_tuned": tuned, "trl": tuned | {"value": 50.0, "low": 50.0, "high": 51.0}},
    }
    for path, some in (("without.png", in_fp32), ("with.png", in_both)):
        draw({name: {"about": about, "found": some}}, tmp_path / path)
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()
