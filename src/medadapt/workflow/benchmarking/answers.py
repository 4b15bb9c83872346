"""What both models say of a standard set, kept in `4-predictions/` so that no question is asked twice.

`ledger.json` beside the answers says which model gave them. Answers of the same model to the same prompt are
taken from there; all others are asked, and written down every few hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medadapt.core.documents import read_object
from medadapt.core.errors import DataError
from medadapt.core.files import write_json, write_jsonl
from medadapt.core.hashes import sha256_text
from medadapt.core.progress import Progress
from medadapt.core.records import Record
from medadapt.core.results import ModelName, Prediction, read_predictions
from medadapt.core.standard_sets import SetName

if TYPE_CHECKING:
    from medadapt.examples.encoding import Encoder
    from medadapt.models.loading import LoadedBase
    from medadapt.predictions.settings import PredictionSettings

LEDGER = "ledger.json"
AT_ONCE = 512
"""Records after which answers are written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerBook:
    """The kept answers of one model to one set."""

    folder: Path
    standard_set: SetName
    model: ModelName
    identity: dict[str, Any]
    """What the answers depend on besides the prompt: hashes of base and adapter, and how they are loaded."""

    @property
    def path(self) -> Path:
        """The file, `<set>.<model>.jsonl`."""
        return self.folder / f"{self.standard_set}.{self.model}.jsonl"

    def kept(self) -> dict[tuple[str, str], Prediction]:
        """Answers that were kept, by record id and hash of the prompt; none where another model gave them.

        Raises DataError, with file and line, where they are damaged.
        """
        identity = self._ledger().get(self.path.name)
        if not self.path.is_file() or identity != self.identity:
            return {}
        try:
            return {(row.id, row.prompt_sha256): row for row in read_predictions(self.path)}
        except DataError as problem:
            # It is no file of the predict stage, which does not make it again.
            remedy = f"Delete {self.path}; its questions are then asked again."
            raise DataError(
                problem.problem, "the answers as `medadapt benchmark` wrote them", remedy
            ) from problem

    def keep(self, rows: Sequence[Prediction]) -> None:
        """Write answers down beside those that are kept, and whose they are.

        A record has one answer: a new one replaces the one kept under the same id, which was to another prompt where
        another file goes by the name of the same set.
        """
        kept = self.kept().values()
        ledger = self._ledger()
        if ledger.get(self.path.name) != self.identity:
            # Until the new rows stand there, the old ones must not pass for this model's.
            self.path.unlink(missing_ok=True)
            write_json(self.folder / LEDGER, {**ledger, self.path.name: self.identity})
        write_jsonl(self.path, {row.id: row for row in (*kept, *rows)}.values())

    def _ledger(self) -> dict[str, Any]:
        path = self.folder / LEDGER
        remedy = f"Delete {path}; the questions are then asked again."
        return read_object(path, remedy=remedy) if path.is_file() else {}


def ask(
    book: AnswerBook,
    model: LoadedBase,
    encoder: Encoder,
    records: Sequence[Record],
    *,
    settings: PredictionSettings,
    progress: Progress,
) -> list[Prediction]:
    """The model's answers to the records, in their order: kept ones, and new ones to the others."""
    from medadapt.predictions.asking import predict

    kept = book.kept()
    hashes = [sha256_text(encoder.prompt_text(record)) for record in records]
    keys = [(record.id, digest) for record, digest in zip(records, hashes, strict=True)]
    found = {key: kept[key] for key in keys if key in kept}
    waiting = [record for record, key in zip(records, keys, strict=True) if key not in found]
    if found:
        progress.note(f"{book.standard_set}, {book.model}: {len(found):,} answers are there already")
    for start in range(0, len(waiting), AT_ONCE):
        part = waiting[start : start + AT_ONCE]
        answers = predict(model, encoder, part, name=book.model, settings=settings, progress=progress)
        found |= {(row.id, row.prompt_sha256): row for row in answers}
        book.keep(answers)
    return [found[key] for key in keys]
