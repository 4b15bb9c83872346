"""Passages of a run's training records for its test records, and how well they were found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadapt.core.files import read_jsonl, write_jsonl
from medadapt.core.records import Record, read_records
from medadapt.core.run_folder import RunFolder

if TYPE_CHECKING:
    from medadapt.examples.encoding import Encoder
    from medadapt.predictions.ways_of_asking import Ground

FILE = "passages.jsonl"
"""In `4-predictions/`: for each test record the passages in its prompt, and the rank of the first that helps."""
DEPTH = 10
"""How many of the best passages are looked into."""
RECALLED = (1, 3, 10)


def grounding(run: RunFolder) -> Ground:
    """Passages of the training records alone. What each record gets is written down as it is asked."""
    from medadapt.retrieval.index import Origin, PassageIndex
    from medadapt.retrieval.passages import passages_of_records
    from medadapt.retrieval.prompting import SHOWN, fitted
    from medadapt.retrieval.quality import first_helpful

    passages = list(passages_of_records(read_records(run.records / "train.jsonl")))
    index = PassageIndex.of(passages, Origin(kind="run", name="", sha256={}))

    def ground(encoder: Encoder, records: Sequence[Record]) -> list[Record]:
        rows, grounded = [], []
        for record in records:
            found = index.search(record.question, DEPTH)
            shown, taken = fitted(record, found[:SHOWN], lambda tried: not encoder.prompt(tried).cut)
            grounded.append(shown)
            rows.append(
                {
                    "id": record.id,
                    "passages": [one.passage.id for one in taken],
                    "first_helpful": first_helpful(record, found),
                }
            )
        write_jsonl(run.predictions / FILE, rows)
        return grounded

    return ground


def search_facts(folder: Path) -> dict[str, Any] | None:
    """How well passages were found, from the file that `grounding` wrote; None where there is none."""
    from medadapt.retrieval.prompting import SHOWN
    from medadapt.retrieval.quality import search_quality

    path = folder / FILE
    if not path.is_file():
        return None
    rows = list(read_jsonl(path))
    found = search_quality([row["first_helpful"] for row in rows], RECALLED)
    return {
        "n": found.n,
        "shown": SHOWN,
        "without": sum(not row["passages"] for row in rows),
        "recall": {str(k): value for k, value in found.recall.items()},
        "mean_reciprocal_rank": found.mean_reciprocal_rank,
    }
