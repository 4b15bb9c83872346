"""steps.jsonl is cut back to the step that training goes on from."""

from __future__ import annotations

import json

from medadapt.training.step_log import StepLog


def lines(path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def write(path, steps, *, after):
    with StepLog(path, after_step=after) as log:
        for step in steps:
            log.write({"step": step, "loss": 1.0})


def test_steps_after_the_checkpoint_are_written_again(tmp_path):
    path = tmp_path / "steps.jsonl"
    write(path, range(1, 6), after=0)
    write(path, range(4, 7), after=3)
    assert lines(path) == [1, 2, 3, 4, 5, 6]


def test_a_line_that_a_crash_cut_short_is_dropped(tmp_path):
    path = tmp_path / "steps.jsonl"
    write(path, range(1, 4), after=0)
    path.write_text(path.read_text()[:-9])
    write(path, [3], after=2)
    assert lines(path) == [1, 2, 3]


def test_every_line_is_on_the_disk_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "steps.jsonl"
    with StepLog(path, after_step=0) as log:
        log.write({"step": 1})
        assert lines(path) == [1]
