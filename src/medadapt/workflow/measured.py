"""What a run measured, read from its folder: test records and what both models said of them."""

from __future__ import annotations

from dataclasses import dataclass

from medadapt.core.errors import RunFolderError
from medadapt.core.records import Record, read_records
from medadapt.core.results import MODEL_NAMES, Prediction, read_predictions
from medadapt.core.run_folder import RunFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Test records with the predictions of both models, in the order of the records."""

    test: list[Record]
    baseline: list[Prediction]
    tuned: list[Prediction]


def read_measured(run: RunFolder) -> Measured:
    """The test set of a run and its predictions.

    Raises RunFolderError where a file is missing, and DataError, with file and line, where predictions are
    damaged or are not those of the test records.
    """
    from medadapt.metrics.marking.marks import check_pairing

    files = {name: run.predictions / f"{name}.jsonl" for name in MODEL_NAMES}
    for path in (run.records / "test.jsonl", *files.values()):
        if not path.is_file():
            raise RunFolderError(
                f"{path} is missing.",
                "a run folder in which predict is done",
                f"Run `medadapt run {run.path}`.",
            )
    test = list(read_records(run.records / "test.jsonl"))
    baseline, tuned = (list(read_predictions(path, model=name)) for name, path in files.items())
    check_pairing(test, baseline, tuned)
    return Measured(test=test, baseline=baseline, tuned=tuned)
