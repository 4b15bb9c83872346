"""Token sets on disk: complete, openable by `datasets`, and gone where they were not finished."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.ipc
import pytest

from medadapt.core.errors import DataError
from medadapt.examples.masking import Example
from medadapt.examples.token_sets import (
    ROWS_IN_MEMORY,
    ROWS_OF_BATCH,
    TokenSet,
    batches,
    read_texts,
    write_token_set,
)
from tiny import random_rows

FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "input_ids": datasets.List(datasets.Value("int32")),
        "labels": datasets.List(datasets.Value("int32")),
        "prompt": datasets.Value("string"),
        "completion": datasets.Value("string"),
    }
)


def examples(rows: list[dict[str, Any]]) -> Iterator[Example]:
    for row in rows:
        texts = {"prompt": f"p {row['id']}", "completion": f"c {row['id']}\u2028µ"}
        yield Example(**row, **texts, answer_cut=False, prompt_cut=False)


def test_a_set_opens_with_datasets(tmp_path: Path):
    rows = random_rows(5)
    write_token_set(tmp_path / "train", examples(rows))

    opened = datasets.load_from_disk(str(tmp_path / "train"))

    assert opened.features == FEATURES
    assert opened["input_ids"][:] == [row["input_ids"] for row in rows]
    assert opened["labels"][:] == [row["labels"] for row in rows]
    assert opened[3]["prompt"] == "p r3"
    assert opened[3]["completion"] == "c r3\u2028µ"


def test_an_empty_set_opens_with_datasets_too(tmp_path: Path):
    write_token_set(tmp_path / "validation", examples([]))

    opened = datasets.load_from_disk(str(tmp_path / "validation"))

    assert len(opened) == 0
    assert opened.features == FEATURES
    assert len(TokenSet(tmp_path / "validation")) == 0


def test_nothing_but_the_set_is_left_behind(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(3)))

    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    assert {path.suffix for path in (tmp_path / "train").iterdir()} == {".arrow", ".json"}


def test_rows_come_in_the_order_asked_for(tmp_path: Path):
    rows = random_rows(2 * ROWS_OF_BATCH + 7)
    write_token_set(tmp_path / "train", examples(rows))
    tokens = TokenSet(tmp_path / "train")

    places = [len(rows) - 1, 0, ROWS_OF_BATCH, ROWS_OF_BATCH - 1, 0]

    assert [row["input_ids"] for row in tokens.rows(places)] == [rows[place]["input_ids"] for place in places]
    assert [row["id"] for row in tokens.rows(np.array(places))] == [f"r{place}" for place in places]


def test_lengths_are_known_without_reading_rows(tmp_path: Path):
    rows = random_rows(2 * ROWS_IN_MEMORY + 7)
    write_token_set(tmp_path / "train", examples(rows))
    tokens = TokenSet(tmp_path / "train")

    assert len(tokens) == len(rows)
    assert tokens.lengths.dtype == np.int64
    assert tokens.lengths.tolist() == [len(row["input_ids"]) for row in rows]


def test_a_fingerprint_is_of_the_rows(tmp_path: Path):
    rows = random_rows(5)
    for name, content in (("a", rows), ("b", rows), ("c", rows[:4]), ("d", rows[::-1])):
        write_token_set(tmp_path / name / "train", examples(content))
    a, b, c, d = (TokenSet(tmp_path / name / "train").fingerprint for name in "abcd")

    assert a == b
    assert len({a, c, d}) == 3


def test_a_new_set_replaces_the_old_one(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(5)))
    write_token_set(tmp_path / "train", examples(random_rows(2)))

    assert len(TokenSet(tmp_path / "train")) == 2


def test_a_failure_while_writing_leaves_the_old_set(tmp_path: Path):
    def failing() -> Iterator[Example]:
        yield from examples(random_rows(3))
        raise KeyError("a bug")

    write_token_set(tmp_path / "train", examples(random_rows(5)))
    with pytest.raises(KeyError):
        write_token_set(tmp_path / "train", failing())

    assert len(TokenSet(tmp_path / "train")) == 5


def test_what_a_failure_left_does_not_stand_in_the_way(tmp_path: Path):
    def failing() -> Iterator[Example]:
        yield from examples(random_rows(3))
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        write_token_set(tmp_path / "train", failing())
    write_token_set(tmp_path / "train", examples(random_rows(2)))

    assert [path.name for path in tmp_path.iterdir()] == ["train"]
    assert len(TokenSet(tmp_path / "train")) == 2


def test_a_folder_without_a_set_is_told_as_such(tmp_path: Path):
    with pytest.raises(DataError, match="holds no token set"):
        TokenSet(tmp_path)


@pytest.mark.parametrize("cut", ["at a batch", "within a batch", "to nothing"])
def test_a_set_that_has_lost_its_end_is_refused(tmp_path: Path, cut: str):
    write_token_set(tmp_path / "train", examples(random_rows(2 * ROWS_OF_BATCH + 7)))
    (rows,) = (tmp_path / "train").glob("*.arrow")
    content = rows.read_bytes()
    if cut == "at a batch":
        source = pyarrow.BufferReader(content)
        stream = pyarrow.ipc.open_stream(source)
        stream.read_next_batch()
        content = content[: source.tell()]
        assert _opens(content)
    else:
        content = content[: len(content) // 2] if cut == "within a batch" else b""
    rows.write_bytes(content)

    with pytest.raises(DataError, match="damaged"):
        TokenSet(tmp_path / "train")


def _opens(content: bytes) -> bool:
    """Whether so much of a file still reads as rows of a set."""
    try:
        return pyarrow.ipc.open_stream(content).read_all().num_rows > 0
    except (pyarrow.ArrowException, OSError):
        return False


def test_a_file_of_no_rows_at_all_is_refused_for_its_texts_too(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(5)))
    (rows,) = (tmp_path / "train").glob("*.arrow")
    rows.write_bytes(rows.read_bytes()[:100])

    with pytest.raises(DataError, match="damaged"):
        list(read_texts(tmp_path / "train", ["prompt"]))


def test_a_set_that_datasets_has_written_since_is_read(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(5)))
    changed = datasets.load_from_disk(str(tmp_path / "train")).select(range(3))
    changed.save_to_disk(str(tmp_path / "changed"))

    assert len(TokenSet(tmp_path / "changed")) == 3


def test_what_datasets_keeps_beside_a_set_is_no_part_of_it(tmp_path: Path):
    rows = random_rows(5)
    write_token_set(tmp_path / "train", examples(rows))
    before = TokenSet(tmp_path / "train").fingerprint

    datasets.load_from_disk(str(tmp_path / "train")).filter(lambda row: row["id"] == "r3")

    assert list((tmp_path / "train").glob("cache-*.arrow"))
    tokens = TokenSet(tmp_path / "train")
    assert [row["id"] for row in tokens.rows(range(len(tokens)))] == [row["id"] for row in rows]
    assert tokens.fingerprint == before
    assert len(list(read_texts(tmp_path / "train", ["prompt"]))) == len(rows)


def test_a_set_that_has_lost_a_file_of_rows_is_refused(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(5)))
    (rows,) = (tmp_path / "train").glob("*.arrow")
    rows.unlink()

    with pytest.raises(DataError, match="damaged"):
        TokenSet(tmp_path / "train")


def test_the_files_are_those_that_datasets_writes(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(ROWS_OF_BATCH + ROWS_IN_MEMORY + 7)))

    datasets.load_from_disk(str(tmp_path / "train")).save_to_disk(str(tmp_path / "again"))

    names = {path.name for path in (tmp_path / "again").iterdir()}
    assert names == {path.name for path in (tmp_path / "train").iterdir()}
    for name in names - {"state.json"}:  # a fingerprint of its own stands there
        assert (tmp_path / "train" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_rows_beyond_the_last_are_an_error(tmp_path: Path):
    write_token_set(tmp_path / "train", examples(random_rows(5)))

    with pytest.raises(IndexError):
        TokenSet(tmp_path / "train").rows([4, 5])


def test_without_datasets_a_set_is_written_and_read_as_well(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from medadapt.examples.token_sets import *\n"
        "folder = Path(sys.argv[1]); write_token_set(folder, []); print(len(TokenSet(folder)))\n"
        "sys.exit('datasets' in sys.modules)"
    )

    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "train")], timeout=120)

    assert ended.returncode == 0


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from medadapt.core.errors import DiskError
from medadapt.examples.masking import Example
from medadapt.examples.token_sets import write_token_set
rows = [{'id': str(n), 'input_ids': [n] * 40, 'labels': [n] * 40} for n in range(3000)]
resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
texts = {"prompt": "p", "completion": "c", "answer_cut": False, "prompt_cut": False}
try:
    write_token_set(Path(sys.argv[1]), (Example(**row, **texts) for row in rows))
except DiskError as problem:
    print(problem.problem)
    sys.exit(problem.exit_code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are a feature of Unix")
def test_a_disk_that_fills_up_is_told_with_exit_code_6(tmp_path: Path):
    ended = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(tmp_path / "train")],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ended.returncode == 6, ended.stderr
    assert "train cannot be written: " in ended.stdout
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize(("count", "pieces"), [(0, []), (1, [1]), (4, [4]), (5, [4, 1]), (8, [4, 4])])
def test_batches_are_consecutive_pieces(count: int, pieces: list[int]):
    cut = list(batches(list(range(count)), 4))

    assert [len(piece) for piece in cut] == pieces
    assert [item for piece in cut for item in piece] == list(range(count))
