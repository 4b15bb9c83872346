"""What is known of a workload before any side has trained on it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from peers import workloads

ROWS = [([1, 5, 6, 7, 2], [-100, -100, -100, 7, 2]), ([1, 8, 9, 2], [-100, -100, 9, 2])]


@pytest.fixture
def base(tmp_path):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "base")
    return tmp_path


def test_every_plain_curve_begins_with_the_first_adapter_and_falls(base):
    facts = workloads._plain_facts(base, [ROWS] * 4, {"answers": 3, "all": 4}, 1e-2)
    for learns, steps in (("answers", 3), ("all", 4)):
        curve = facts[f"curve_of_{learns}"]
        assert len(curve) == steps
        assert curve[0] == pytest.approx(facts["first_step"][learns]["loss"])
        assert curve[-1] < curve[0]


def test_of_a_large_base_no_more_than_the_first_step_is_computed(base, monkeypatch):
    monkeypatch.setattr(workloads, "LARGEST_PLAIN", 0)
    facts = workloads._plain_facts(base, [ROWS] * 4, {"answers": 3}, 1e-2)
    assert facts["curve_of_answers"] == facts["curve_of_all"] == []
    assert facts["first_step"]["answers"]["loss"] > 0
