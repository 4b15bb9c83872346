from __future__ import annotations

import pytest

from medadapt.core.errors import RunFolderError
from medadapt.core.files import read_json, write_text
from medadapt.core.run_folder import RunFolder
from medadapt.workflow.outputs import FileMark
from medadapt.workflow.state import RunState, StageState, read_state, write_state


def example_state():
    done = StageState(
        status="done",
        inputs={"recipe data": "a"},
        outputs={"train.jsonl": FileMark(size=3, sha256="b")},
        seconds=1.5,
        finished="2024-01-01T00:00:00Z",
    )
    return RunState(
        name="tiny",
        status="interrupted",
        smoke=False,
        stages={"prepare": done, "encode": StageState(status="interrupted", inputs={"recipe prompt": "c"})},
        started="2024-01-01T00:00:00Z",
        facts={"seeds": {"recipe": 0}},
    )


def test_state_survives_writing_and_reading(tmp_path):
    run = RunFolder(tmp_path)
    write_state(run, example_state())
    assert read_state(run) == example_state()


def test_unfinished_stage_has_no_output_hash(tmp_path):
    run = RunFolder(tmp_path)
    write_state(run, example_state())
    stages = read_json(run.state)["stages"]
    assert stages["encode"]["output_hash"] is None
    assert len(stages["prepare"]["output_hash"]) == 64
    assert stages["prepare"]["input_hash"] != stages["encode"]["input_hash"]


def test_folder_without_run_json_has_no_state(tmp_path):
    assert read_state(RunFolder(tmp_path)) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"schema": 99}', '{"schema": 1, "stages": []}', '{"schema": NaN}', "null"]
)
def test_damaged_run_json_is_an_error_of_the_folder(tmp_path, text):
    run = RunFolder(tmp_path)
    write_text(run.state, text)
    with pytest.raises(RunFolderError, match=r"run\.json"):
        read_state(run)
