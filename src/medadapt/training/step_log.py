"""steps.jsonl: one line every optimiser step, on the disk as soon as the step is done."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import IO, Any

from medadapt.core.files import disk_faults, parse_json, to_json, write_jsonl


class StepLog:
    """Appends to steps.jsonl; opened after cutting it back to the step that training goes on from."""

    def __init__(self, path: Path, *, after_step: int) -> None:
        self._path = path
        kept = [row for row in read_steps(path) if row["step"] <= after_step]
        write_jsonl(path, kept)
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def write(self, row: dict[str, Any]) -> None:
        """Append one line and flush it."""
        with disk_faults(self._path):
            self._file.write(to_json(row) + "\n")
            self._file.flush()

    def __enter__(self) -> StepLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_steps(path: Path) -> list[dict[str, Any]]:
    """The lines of a log up to the first that a crash or a power failure damaged; none where there is no log."""
    rows: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                rows.append(parse_json(line))
            except ValueError:
                break  # the steps from here on are computed again, or stand in no checkpoint
    return rows
