"""Token sets on disk: Arrow folders that open with `datasets.load_from_disk` and are never read whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.ipc

from medadapt.core.errors import DataError
from medadapt.core.files import disk_faults, read_json
from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.examples.masking import Example

TEXT = {"dtype": "string", "_type": "Value"}
TOKENS = {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"}
FEATURES = {"id": TEXT, "input_ids": TOKENS, "labels": TOKENS, "prompt": TEXT, "completion": TEXT}
"""The columns as `datasets` writes them down. It is not imported: that takes longer than to write a small set."""
SCHEMA = pyarrow.schema(
    {
        name: pyarrow.string() if kind is TEXT else pyarrow.list_(pyarrow.int32())
        for name, kind in FEATURES.items()
    },
    metadata={"huggingface": json.dumps({"info": {"features": FEATURES}})},
)
HASHES = "sha256"
"""Our own entry in state.json: the hash of each file of rows."""
ROWS_IN_MEMORY = 200
"""Examples held as Python objects before they become Arrow columns."""
ROWS_OF_BATCH = 1000
"""Rows of a record batch on the disk; as many as `datasets` would write."""


class TokenSet:
    """Rows of one split, read from the disk when they are asked for."""

    def __init__(self, folder: Path) -> None:
        files = _files(folder)
        hashes = {path.name: sha256_file(path) for path in files}
        _check_whole(folder, hashes)
        table = pyarrow.concat_tables(map(_mapped, files))
        lengths = pyarrow.compute.list_value_length(table.column("input_ids"))
        self.lengths: np.ndarray[Any, np.dtype[np.int64]] = lengths.to_numpy().astype(np.int64)
        """Tokens of every row."""
        self.fingerprint = sha256_object(hashes)
        """Hash of the rows; two equal sets give the same training."""
        self._ids = table.column("id").chunks
        self._tokens = _Lists(table.column("input_ids"))
        self._labels = _Lists(table.column("labels"))
        self._chunk_starts = np.cumsum([0, *map(len, self._ids)])

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, places: Iterable[int]) -> list[dict[str, Any]]:
        """`id`, `input_ids` and `labels` of the rows at these places from 0, in the order given."""
        wanted = np.fromiter(places, dtype=np.int64)
        if len(wanted) and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()} to {wanted.max()} of {len(self)}")
        chunks = np.searchsorted(self._chunk_starts, wanted, side="right") - 1
        within = wanted - self._chunk_starts[chunks]
        return [
            {
                "id": self._ids[chunk][place].as_py(),
                "input_ids": self._tokens.row(chunk, place),
                "labels": self._labels.row(chunk, place),
            }
            for chunk, place in zip(chunks.tolist(), within.tolist(), strict=True)
        ]


def read_texts(folder: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """These columns of a token set, row by row. Raises DataError where there is no set."""
    for file in _files(folder):
        for batch in _mapped(file).select(list(columns)).to_batches():
            yield from batch.to_pylist()


class _Lists:
    """A column of lists as views of the mapped file, chunk by chunk."""

    def __init__(self, column: pyarrow.ChunkedArray) -> None:
        self._values = [chunk.values.to_numpy(zero_copy_only=True) for chunk in column.chunks]
        self._offsets = [chunk.offsets.to_numpy(zero_copy_only=True) for chunk in column.chunks]

    def row(self, chunk: int, place: int) -> list[int]:
        start, end = self._offsets[chunk][place : place + 2]
        numbers: list[int] = self._values[chunk][start:end].tolist()
        return numbers


def _files(folder: Path) -> list[Path]:
    """The files of rows, by state.json: `datasets` keeps what it has worked out from them beside them."""
    if not (folder / "state.json").is_file():
        raise DataError(
            f"{folder} holds no token set.", "the encode stage's output", "Run `medadapt encode` first."
        )
    files = [folder / file["filename"] for file in read_json(folder / "state.json")["_data_files"]]
    if not all(file.is_file() for file in files):
        raise _damaged(folder)
    return files


def _check_whole(folder: Path, hashes: dict[str, str]) -> None:
    """Refuse a set whose files are not as they were written: one that has lost its end still opens.

    A set that the `datasets` library has written since does not say what its files were.
    """
    written = read_json(folder / "state.json").get(HASHES)
    if written is not None and written != hashes:
        raise _damaged(folder)


def _mapped(file: Path) -> pyarrow.Table:
    """The rows of an Arrow file, which stay on the disk until they are looked at."""
    try:
        return pyarrow.ipc.open_stream(pyarrow.memory_map(str(file))).read_all()
    except (pyarrow.ArrowException, OSError) as problem:
        raise _damaged(file) from problem


def _damaged(path: Path) -> DataError:
    return DataError(
        f"{path} is damaged: it is not as the encode stage wrote it.",
        "the token set as it was written",
        "Run `medadapt encode` on the run again.",
    )


def write_token_set(folder: Path, examples: Iterable[Example]) -> None:
    """Write one split; memory stays small however many examples there are."""
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    with disk_faults(folder):
        beside.mkdir(parents=True)
        rows = beside / "data-00000-of-00001.arrow"
        with pyarrow.OSFile(str(rows), "wb") as file, pyarrow.ipc.new_stream(file, SCHEMA) as stream:
            for batch in _record_batches(examples):
                stream.write_batch(batch)
        state: dict[str, Any] = {
            "_data_files": [{"filename": rows.name}],
            "_fingerprint": sha256_file(rows)[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
            HASHES: {rows.name: sha256_file(rows)},
        }
        info = {"citation": "", "description": "", "features": FEATURES, "homepage": "", "license": ""}
        for name, content in (("state.json", state), ("dataset_info.json", info)):
            (beside / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)


def _record_batches(examples: Iterable[Example]) -> Iterator[pyarrow.RecordBatch]:
    waiting: list[pyarrow.RecordBatch] = []
    examples = iter(examples)
    while rows := list(islice(examples, ROWS_IN_MEMORY)):
        columns = [
            pyarrow.array([getattr(row, field.name) for row in rows], type=field.type) for field in SCHEMA
        ]
        waiting.append(pyarrow.record_batch(columns, schema=SCHEMA))
        if sum(map(len, waiting)) >= ROWS_OF_BATCH:
            yield pyarrow.concat_batches(waiting)
            waiting = []
    if waiting:
        yield pyarrow.concat_batches(waiting)


def batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    """Consecutive pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
