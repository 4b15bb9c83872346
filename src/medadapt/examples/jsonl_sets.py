"""Examples as prompt and completion in JSON lines, for other tools."""

from __future__ import annotations

from pathlib import Path

from medadapt.core.files import disk_faults, write_jsonl
from medadapt.core.records import SPLITS
from medadapt.examples.token_sets import read_texts

COLUMNS = ("id", "prompt", "completion")


def write_jsonl_sets(folder: Path) -> dict[str, int]:
    """Write `{train,validation,test}.jsonl` into 2-examples; returns the number of lines of each.

    A line is {id, prompt, completion}, the texts in full: `prompt + completion` and the closing token are what
    the example's tokens spell, before anything was cut. Earlier exchanges of a conversation stand in its prompt.
    Raises DataError where the stage has not run.
    """
    counts: dict[str, int] = {}
    for name in SPLITS:
        counts[name] = write_jsonl(_file(folder, name), read_texts(folder / name, COLUMNS))
    return counts


def remove_jsonl_sets(folder: Path) -> None:
    """Take away sets written earlier, which no longer fit once the examples are made anew."""
    for name in SPLITS:
        with disk_faults(folder):
            _file(folder, name).unlink(missing_ok=True)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"
