"""The part of RESULTS.md about the peers."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers.page import draw, training_section


def a_side(speed: float):
    return {
        "examples_per_s": speed, "steps": 33, "share_of_roof": None, "padded_by_real": 1.2, "peak_gpu_mb": None,
        "peak_rss_mb": 900, "start_up_seconds": 12.3, "tokens_a_row": 36.0, "learned_a_row": 6.0,
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
    assert "| TRL, defaults | 7.5 | 33 | 4.0 (3.5 to 4.5) |" in page
    assert "| LLaMA-Factory, defaults | 9.0 | 33 | refused: 23 rows instead of 24 |" in page
    assert "Unsloth, defaults: not run: it needs a CUDA device" in page


def test_the_plot_is_written(tmp_path):
    draw(STORED, tmp_path / "peers.png")
    assert (tmp_path / "peers.png").stat().st_size > 1000
