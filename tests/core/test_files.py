"""Files appear whole or not at all, hold strict JSON, and a full disk is told as such."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError, DiskError
from medadapt.core.files import (
    disk_faults,
    parse_json,
    read_json,
    read_jsonl,
    to_json,
    whole_file,
    write_json,
    write_jsonl,
    write_text,
)

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_file_is_written_into_folders_that_do_not_exist_yet(tmp_path: Path):
    write_text(tmp_path / "a" / "b" / "c.txt", "β ≥ 5\n")

    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == "β ≥ 5\n".encode()


def test_an_exception_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with pytest.raises(TypeError), whole_file(path) as file:
        file.writelines(["half", 0])

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stands_until_the_new_one_is_complete(tmp_path: Path):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with whole_file(path) as file:
        file.write("new")
        file.flush()
        assert path.read_text() == "old"

    assert path.read_text() == "new"


def test_rows_that_fail_halfway_leave_no_file(tmp_path: Path):
    def rows():
        yield {"a": 1}
        yield {"a": math.nan}

    with pytest.raises(ValueError, match="JSON compliant"):
        write_jsonl(tmp_path / "rows.jsonl", rows())

    assert list(tmp_path.iterdir()) == []


def test_bytes_can_be_written_whole_too(tmp_path: Path):
    with whole_file(tmp_path / "b.bin", "wb") as file:
        file.write(b"\x00\xff")

    assert (tmp_path / "b.bin").read_bytes() == b"\x00\xff"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_json_is_not_written(value: float, tmp_path: Path):
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "x.json", {"deep": [value]})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_what_is_not_json_is_not_read(constant: str, tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_text(f'{{"a": [{constant}]}}')

    with pytest.raises(ValueError, match=f"{constant} is not JSON"):
        parse_json(path.read_text())
    with pytest.raises(DataError, match=r"x\.json is damaged"):
        read_json(path)


@given(JSON_VALUES)
def test_any_json_value_comes_back_as_it_was(value: Any):
    text = to_json(value)

    assert parse_json(text) == value
    assert len(text.splitlines()) == 1


@given(st.lists(st.dictionaries(st.text(), st.text(), max_size=3), max_size=4))
def test_any_text_survives_json_lines_one_line_a_row(rows: list[dict[str, str]]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"

        assert write_jsonl(path, rows) == len(rows)

        assert list(read_jsonl(path)) == rows
        # `splitlines` also breaks at U+0085, U+2028 and U+2029, as many other programs do.
        assert len(path.read_bytes().decode("utf-8").splitlines()) == len(rows)


def test_every_line_break_of_unicode_is_escaped():
    breaks = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

    text = to_json(f"a{breaks}b")

    assert len(text.splitlines()) == 1
    assert json.loads(text) == f"a{breaks}b"


def test_a_document_for_people_is_indented_and_ends_in_a_line_break(tmp_path: Path):
    write_json(tmp_path / "x.json", {"a": "µ", "path": Path("b") / "c"})

    assert (tmp_path / "x.json").read_text(encoding="utf-8") == '{\n  "a": "µ",\n  "path": "b/c"\n}\n'


def test_dataclasses_are_written_field_by_field():
    @dataclass(frozen=True)
    class Inner:
        x: int

    @dataclass(frozen=True)
    class Outer:
        inner: Inner
        items: list[Inner]

    assert to_json(Outer(Inner(1), [Inner(2)])) == '{"inner": {"x": 1}, "items": [{"x": 2}]}'


def test_what_has_no_json_form_is_named():
    with pytest.raises(TypeError, match="set has no JSON form"):
        to_json({"a": {1}})


@pytest.mark.parametrize(
    "damage", ['{"a": 1', "NaN", '{"a": 1} {"b": 2}', "\x00"], ids=["cut", "nan", "two", "null byte"]
)
def test_a_damaged_line_is_named(damage: str, tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"a": 0}}\n\n{damage}\n{{"a": 2}}\n')

    rows = read_jsonl(path)

    assert next(rows) == {"a": 0}
    with pytest.raises(DataError, match=r"rows\.jsonl:3 is damaged"):
        next(rows)


def test_a_damaged_document_says_what_to_do(tmp_path: Path):
    path = tmp_path / "x.json"
    path.write_bytes(b'{"a": "\xff"}')

    with pytest.raises(DataError) as problem:
        read_json(path)

    assert problem.value.remedy == "Delete the file and run the stage again."


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_a_full_disk_is_told_as_such():
    with pytest.raises(DiskError) as problem, disk_faults(Path("runs/x")):
        Path("/dev/full").write_text("x")

    assert problem.value.problem == "runs/x cannot be written: No space left on device."
    assert problem.value.exit_code == 6


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_a_full_disk_is_told_as_such_where_a_whole_folder_is_copied(tmp_path: Path):
    def onto_a_full_disk(_source: str, _target: str) -> None:
        Path("/dev/full").write_text("x")

    write_text(tmp_path / "from" / "deep" / "a.txt", "a")

    with pytest.raises(DiskError) as problem, disk_faults(Path("runs/x")):
        shutil.copytree(tmp_path / "from", tmp_path / "to", copy_function=onto_a_full_disk)

    assert problem.value.problem == "runs/x cannot be written: No space left on device."


def test_a_copy_that_fails_for_another_reason_keeps_its_own_name(tmp_path: Path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "link").symlink_to("nowhere")

    with pytest.raises(shutil.Error), disk_faults(tmp_path):
        shutil.copytree(tmp_path / "from", tmp_path / "to")


def test_other_faults_keep_their_own_name():
    with pytest.raises(FileNotFoundError), disk_faults(Path("x")):
        raise FileNotFoundError(2, "gone")


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from medadapt.core.errors import DiskError
from medadapt.core.files import write_jsonl
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_jsonl(Path(sys.argv[1]), ({"number": number} for number in range(100_000)))
except DiskError as problem:
    print(problem.problem)
    sys.exit(problem.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a feature of Unix")
def test_a_disk_that_fills_up_leaves_the_old_file_and_exit_code_6(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    write_text(path, '{"old": 1}\n')

    ended = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], capture_output=True, text=True, timeout=60
    )

    assert ended.returncode == 6, ended.stderr
    assert "cannot be written: File too large." in ended.stdout
    assert list(read_jsonl(path)) == [{"old": 1}]
    assert list(tmp_path.iterdir()) == [path]
