"""Token sets on disk: Arrow folders that open with `datasets.load_from_disk` and are never read whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.ipc
from datasets.arrow_writer import ArrowWriter

from medadapt.core.errors import DataError
from medadapt.core.files import disk_faults
from medadapt.core.hashes import sha256_file, sha256_object
from medadapt.examples.masking import Example

FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "input_ids": datasets.Sequence(datasets.Value("int32")),
        "labels": datasets.Sequence(datasets.Value("int32")),
        "prompt": datasets.Value("string"),
        "completion": datasets.Value("string"),
    }
)
ROWS_IN_MEMORY = 200


class TokenSet:
    """Rows of one split, read from the disk when they are asked for."""

    def __init__(self, folder: Path) -> None:
        if not (folder / "dataset_info.json").is_file():
            raise DataError(
                f"{folder} holds no token set.", "the encode stage's output", "Run `medadapt encode` first."
            )
        files = sorted(folder.glob("*.arrow"))
        table = pyarrow.concat_tables(map(_mapped, files))
        lengths = pyarrow.compute.list_value_length(table.column("input_ids"))
        self.lengths: np.ndarray[Any, np.dtype[np.int64]] = lengths.to_numpy().astype(np.int64)
        """Tokens of every row."""
        self.fingerprint = sha256_object({path.name: sha256_file(path) for path in files})
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


class _Lists:
    """A column of lists as views of the mapped file, chunk by chunk."""

    def __init__(self, column: pyarrow.ChunkedArray) -> None:
        self._values = [chunk.values.to_numpy(zero_copy_only=True) for chunk in column.chunks]
        self._offsets = [chunk.offsets.to_numpy(zero_copy_only=True) for chunk in column.chunks]

    def row(self, chunk: int, place: int) -> list[int]:
        start, end = self._offsets[chunk][place : place + 2]
        numbers: list[int] = self._values[chunk][start:end].tolist()
        return numbers


def _mapped(file: Path) -> pyarrow.Table:
    """The rows of an Arrow file, which stay on the disk until they are looked at."""
    return pyarrow.ipc.open_stream(pyarrow.memory_map(str(file))).read_all()


def write_token_set(folder: Path, examples: Iterable[Example]) -> None:
    """Write one split; memory stays small however many examples there are."""
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    with disk_faults(folder):
        beside.mkdir(parents=True)
        raw = beside / "raw.arrow"
        writer = ArrowWriter(path=str(raw), features=FEATURES, writer_batch_size=ROWS_IN_MEMORY)
        for example in examples:
            writer.write(
                {
                    "id": example.id,
                    "input_ids": example.input_ids,
                    "labels": example.labels,
                    "prompt": example.prompt,
                    "completion": example.completion,
                }
            )
        count, _ = writer.finalize()
        with _without_progress_bars():
            rows = datasets.Dataset.from_file(str(raw)) if count else _empty()
            rows.save_to_disk(str(beside / "set"), num_shards=1)
        shutil.rmtree(folder, ignore_errors=True)
        (beside / "set").rename(folder)
        shutil.rmtree(beside)


def _empty() -> Any:
    return datasets.Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)


class _without_progress_bars:  # noqa: N801 - reads as a phrase in `with`
    def __enter__(self) -> None:
        self._enabled = datasets.are_progress_bars_disabled() is False
        datasets.disable_progress_bars()

    def __exit__(self, *_: object) -> None:
        if self._enabled:
            datasets.enable_progress_bars()


def batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    """Consecutive pieces of at most `size` items."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
