"""What is counted of the work of a side on Hugging Face's Trainer."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks" / "peers" / "sides"))

from watching import Watch, result, work_of


def test_packs_that_are_filled_up_are_counted_by_their_rows_and_real_tokens():
    positions = torch.tensor([[0, 1, 2, 0, 1, 0, 0, 0], [0, 1, 0, 1, 2, 3, 4, 5]])
    labels = torch.where(positions > 1, positions, -100)
    found = work_of({"input_ids": positions, "labels": labels, "position_ids": positions})
    assert found == {"rows": 4, "tokens": 13, "supervised": 5, "padded": 16}


def test_padded_rows_are_counted_by_their_mask():
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
    found = work_of({"input_ids": mask, "labels": mask, "attention_mask": mask})
    assert found == {"rows": 2, "tokens": 7, "supervised": 6, "padded": 8}


@pytest.mark.parametrize(("rows", "times"), [(8, 2), (4, 1)])
def test_a_side_whose_steps_take_other_rows_is_stopped_at_once(rows, times, tmp_path):
    (tmp_path / "facts.json").write_text(json.dumps({"batch": 8}))
    asked = SimpleNamespace(
        per_device_train_batch_size=rows, gradient_accumulation_steps=times, packing=False
    )
    with pytest.raises(RuntimeError, match=f"a step takes {rows * times} rows, not 8"):
        Watch(tmp_path).on_train_begin(asked, None, None, model=None, train_dataloader=None)


def test_speeds_are_those_of_the_steps_after_the_warm_up():
    timed = {"rows": 8, "tokens": 80, "supervised": 8, "padded": 80}
    ends = [10.0, 14.0, 15.0, 15.5, 16.0, 16.5]
    found = result(began=9.0, ends=ends, warm_up=4, timed=timed, whole={"rows": 48})
    assert (found["seconds"], found["examples_per_s"], found["tokens_per_s"]) == (1.0, 8.0, 80.0)
