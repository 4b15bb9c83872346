"""Token sets on disk: Arrow folders that open with `datasets.load_from_disk` and are never read whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.compute
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
        self._rows = datasets.load_from_disk(str(folder)).select_columns(["id", "input_ids", "labels"])
        lengths = pyarrow.compute.list_value_length(self._rows.data.column("input_ids"))
        self.lengths: np.ndarray[Any, np.dtype[np.int64]] = lengths.to_numpy().astype(np.int64)
        """Tokens of every row."""
        self.fingerprint = sha256_object(
            {path.name: sha256_file(path) for path in sorted(folder.glob("*.arrow"))}
        )
        """Hash of the rows; two equal sets give the same training."""

    def __len__(self) -> int:
        return len(self.lengths)

    def rows(self, places: Iterable[int]) -> list[dict[str, Any]]:
        """`id`, `input_ids` and `labels` of the rows at these places, in the order given."""
        return [self._rows[int(place)] for place in places]


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
