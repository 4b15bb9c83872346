"""The sample files as bytes, in the layouts of the real sources."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from medadapt.core.files import to_json
from medadapt.samples.bundled import FILE_OF_SAMPLE
from medadapt.samples.generating.dialogues import dialogue_rows
from medadapt.samples.generating.dirt import Generated, Row
from medadapt.samples.generating.mcq import mcq_rows
from medadapt.samples.generating.qa import qa_rows
from medadapt.samples.generating.symptoms import symptom_rows
from medadapt.samples.generating.typed_qa import typed_qa_rows
from medadapt.samples.knowledge import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """One sample data set as a file."""

    name: str
    """What it is called after `sample:`."""
    path: str
    """Its place in the folder of all five."""
    content: bytes
    num_rows: int
    planted: dict[str, int]
    """Kind of defect -> how many were planted."""


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def _json(rows: Sequence[Row]) -> str:
    return to_json(rows, indent=4) + "\n"


def _json_lines(rows: Sequence[Row]) -> str:
    return "".join(to_json(row) + "\n" for row in rows)


Rows = Callable[[Sequence[Condition], int], Generated]
KINDS: dict[str, tuple[Rows, Callable[[Sequence[Row]], str]]] = {
    "symptoms": (symptom_rows, _csv),
    "typed_qa": (typed_qa_rows, _csv),
    "dialogues": (dialogue_rows, _json),
    "qa": (qa_rows, _json),
    "mcq": (mcq_rows, _json_lines),
}
"""Rows and layout of each set."""


def sample_files(conditions: Sequence[Condition], seed: int) -> list[SampleFile]:
    """All five sample data sets of a seed; the same bytes on every machine."""
    return [_sample_file(name, conditions, seed) for name in KINDS]


def _sample_file(name: str, conditions: Sequence[Condition], seed: int) -> SampleFile:
    rows_of, written = KINDS[name]
    made = rows_of(conditions, seed)
    return SampleFile(
        name=name,
        path=FILE_OF_SAMPLE[name],
        content=written(made.rows).encode("utf-8"),
        num_rows=len(made.rows),
        planted=made.planted,
    )
