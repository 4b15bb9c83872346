"""A line of a records file is a record, or it is refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import DataError
from medadapt.core.records import read_records

ROW = {
    "id": "one",
    "source_row": 1,
    "group": "g",
    "question": "Bile?",
    "answer": "Liver",
    "options": ["Liver", "Lung"],
    "answer_index": 0,
}


def written(folder: Path, second: Any) -> Path:
    path = folder / "mine" / "1-records" / "test.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(f"{json.dumps(ROW)}\n{json.dumps(second)}\n")
    return path


def test_keys_of_a_later_version_are_passed_over(tmp_path: Path):
    first, second = read_records(written(tmp_path, {**ROW, "mood": 1}))

    assert first == second


@pytest.mark.parametrize("name", ["id", "source_row", "group", "question", "answer"])
def test_a_missing_field_is_named_with_file_and_line(name: str, tmp_path: Path):
    path = written(tmp_path, {key: value for key, value in ROW.items() if key != name})

    with pytest.raises(DataError) as refused:
        list(read_records(path))

    assert f"{path}:2" in refused.value.problem
    assert f"lacks `{name}`" in refused.value.problem
    assert f"medadapt prepare {tmp_path / 'mine'}" in refused.value.remedy


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"question": None}, "`question` is None, not a text"),
        ({"options": "Liver"}, "`options` is 'Liver', not a list of texts"),
        ({"options": [1, 2]}, "`options`"),
        ({"answer_index": 2}, "`answer_index` is 2, and there are 2 options"),
        ({"answer_index": -1}, "`answer_index` is -1"),
        ({"history": [{"role": "user"}]}, "`history`"),
        ({"meta": []}, "`meta`"),
        ({"label": 3}, "`label` is 3"),
    ],
)
def test_a_value_of_another_kind_is_refused(change: dict[str, Any], fault: str, tmp_path: Path):
    with pytest.raises(DataError, match=fault):
        list(read_records(written(tmp_path, {**ROW, **change})))


def test_a_line_that_is_no_object_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match=r"test\.jsonl:2 .*holds \[1\] instead"):
        list(read_records(written(tmp_path, [1])))


def test_a_missing_file_is_told_with_the_command_that_makes_it(tmp_path: Path):
    with pytest.raises(DataError, match=r"train\.jsonl is missing") as refused:
        list(read_records(tmp_path / "mine" / "1-records" / "train.jsonl"))

    assert f"medadapt prepare {tmp_path / 'mine'}" in refused.value.remedy
