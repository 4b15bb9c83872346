"""The part of RESULTS.md about the peers."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.page import IN_SOFTWARE, draw, share_of_roof, training_section


def a_side(speed: float):
    return {
        "examples_per_s": speed, "steps": 33, "share_of_roof": None, "padded_by_real": 1.2, "peak_gpu_mb": None,
        "peak_rss_mb": 900, "start_up_seconds": 12.3, "tokens_a_row": 36.0, "learned_a_row": 6.0,
        "computes_in": "bfloat16",
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
            "search": [],
            "not_run": {"unsloth": "not run: it needs a CUDA device"},
        },
    }
}


def test_a_ratio_stands_with_its_spread_and_a_refused_one_with_its_reason_alone():
    page = "\n".join(training_section(STORED, figure=None))
    assert "| TRL, defaults | 7.5 | 33 | 4.0 (3.5 to 4.5) | bf16 |" in page
    assert "| LLaMA-Factory, defaults | 9.0 | 33 | refused: 23 rows instead of 24 | bf16 |" in page
    assert "Unsloth, defaults: not run: it needs a CUDA device" in page


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


def test_why_there_is_no_profile_is_told():
    one = STORED["training_peers-llama-42m-short-0.0"]
    without = one["found"] | {"profile": {}, "not_profiled": "native left with 1: no memory"}
    page = "\n".join(training_section({"name": one | {"found": without}}, figure=None))
    assert "Where ours spends its time is not known: native left with 1: no memory" in page


def test_the_plot_is_written(tmp_path):
    draw(STORED, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").stat().st_size > 1000


def test_a_comparison_of_ours_alone_has_no_panel(tmp_path):
    ((name, one),) = STORED.items()
    alone = one | {"found": one["found"] | {"ratios": {}}}
    draw({name: one}, tmp_path / "without.png")
    draw({name: one, "other": alone}, tmp_path / "with.png")
    assert (tmp_path / "with.png").read_bytes() == (tmp_path / "without.png").read_bytes()
