"""A question with passages from an index, as many of the best as its prompt has room for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medadapt.core.records import Record
from medadapt.examples.encoding import Encoder
from medadapt.retrieval.index import Found, PassageIndex, check_origin, load_index
from medadapt.retrieval.prompting import SHOWN, fitted
from medadapt.serving.command_targets import Target
from medadapt.serving.embedding import embedder_again


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """An index, and how many passages of it a question gets."""

    index: PassageIndex
    passages: int = SHOWN

    def of(self, record: Record, encoder: Encoder) -> tuple[Record, list[Found]]:
        """The record with passages, and those passages; earlier exchanges make room for them, the question does not."""
        found = self.index.search(record.question, self.passages)

        def fits(tried: Record) -> bool:
            return not encoder.prompt(tried).cut

        return fitted(record, found, fits)


def open_grounding(folder: Path, target: Target, *, passages: int = SHOWN) -> Grounding:
    """An index for what TARGET names.

    Raises DataError where it is damaged, or of another run's records, or made by another embedding model; ModelError
    where that model is gone.
    """
    index = load_index(folder, embedder_again)
    records = target.adapter.parent / "1-records" / "train.jsonl"
    if records.is_file():
        check_origin(index, folder, records)
    return Grounding(index=index, passages=passages)
