"""A source file in, the records and the ledger out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.progress import Silent
from medadapt.core.recipe import DataSection
from medadapt.core.records import SPLITS, Record, read_records
from medadapt.records.preparing import prepare


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote, read back from the files."""

    facts: dict[str, Any]
    splits: dict[str, list[Record]]
    dropped: list[dict[str, Any]]

    @property
    def records(self) -> list[Record]:
        """All records in source order."""
        found = [record for part in self.splits.values() for record in part]
        return sorted(found, key=lambda record: (str(type(record.source_row)), record.source_row))

    @property
    def reasons(self) -> dict[int | str, str]:
        """Source row -> reason of each dropped row."""
        return {row["source_row"]: row["reason"] for row in self.dropped}


def read_back(folder: Path, facts: dict[str, Any]) -> Prepared:
    lines = (folder / "dropped.jsonl").read_text(encoding="utf-8").split("\n")
    dropped = [json.loads(line) for line in lines if line]
    splits = {name: list(read_records(folder / f"{name}.jsonl")) for name in SPLITS}
    return Prepared(facts=facts, splits=splits, dropped=dropped)


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[..., Prepared]:
    """`prepared(content, name="rows.csv", format=..., **data)`; None for content: the source is there."""

    def run(
        content: str | bytes | None,
        name: str = "rows.csv",
        *,
        seed: int = 0,
        smoke: bool = False,
        **data: Any,
    ) -> Prepared:
        if content is not None:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
            data.setdefault("source", str(path))
        folder = tmp_path / "1-records"
        facts = prepare(DataSection(**data), seed, folder, smoke=smoke, progress=Silent())
        return read_back(folder, facts)

    return run
