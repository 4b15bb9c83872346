"""Prompt and completion as JSON lines: what other tools read is what was encoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import datasets
import pytest

from medadapt.core.errors import DataError
from medadapt.core.records import SPLITS
from medadapt.examples.jsonl_sets import remove_jsonl_sets, write_jsonl_sets
from medadapt.examples.masking import Example
from medadapt.examples.token_sets import write_token_set

TEXTS = (
    ("### Question:\nWhat is gout?\n\n### Answer:", " Arthritis."),
    ('a "quoted"\ttext\u2028with\u0085breaks', " \u03b2-blockers \U0001fac0 \\n"),
    ("Patient: a\n\nDoctor: b</s>\n\nPatient: c\n\nDoctor:", " d"),
)


def write_sets(folder: Path, **counts: int) -> None:
    def examples(count: int) -> Iterator[Example]:
        for number, (prompt, completion) in enumerate(TEXTS[:count]):
            yield Example(
                id=f"r{number}", input_ids=[1, 2], labels=[-100, 2], prompt=prompt, completion=completion,
                answer_cut=False, prompt_cut=False,
            )  # fmt: skip

    for name in SPLITS:
        write_token_set(folder / name, examples(counts.get(name, 0)))


def test_sets_open_with_datasets_as_they_were_encoded(tmp_path: Path):
    write_sets(tmp_path, train=3, test=1)

    counts = write_jsonl_sets(tmp_path)

    assert counts == {"train": 3, "validation": 0, "test": 1}
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "train.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.column_names == ["id", "prompt", "completion"]
    assert [(row["prompt"], row["completion"]) for row in loaded] == list(TEXTS)
    assert loaded["id"] == ["r0", "r1", "r2"]


def test_an_empty_split_is_a_file_without_lines(tmp_path: Path):
    write_sets(tmp_path, train=1)
    write_jsonl_sets(tmp_path)

    assert (tmp_path / "validation.jsonl").read_bytes() == b""


def test_sets_that_were_not_encoded_are_told_as_such(tmp_path: Path):
    with pytest.raises(DataError, match="holds no token set"):
        write_jsonl_sets(tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_only_the_json_lines_are_taken_away(tmp_path: Path):
    write_sets(tmp_path, train=1)
    write_jsonl_sets(tmp_path)

    remove_jsonl_sets(tmp_path)
    remove_jsonl_sets(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(SPLITS)
