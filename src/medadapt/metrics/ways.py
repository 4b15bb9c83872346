"""The test questions as they were asked of both models in other ways, by way and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.marking.marks import check_rows
from medadapt.metrics.with_passages import VARIANT

Ways = Mapping[str, Mapping[str, Sequence[Prediction]]]
"""way -> model -> predictions of the test records; `test` is the usual way, others are `rotated_1`, `by_text`."""


def variants(
    test: Sequence[Record],
    usual: Mapping[str, Sequence[Prediction]],
    further: Mapping[str, Sequence[Prediction]],
) -> Ways:
    """The further sets that both models answered; `further` has them by the name of their file.

    `usual` has what each model said the usual way. Raises DataError where a set is not of these test records, or has
    scores of other labels or letters than the usual one: whatever way was asked, letters are those of the record.
    """
    found: dict[str, dict[str, Sequence[Prediction]]] = {}
    for stem, predictions in further.items():
        split, model, *variant = stem.split(".")
        if split == "test" and variant and variant != [VARIANT]:
            check_rows(stem, test, predictions)
            found.setdefault(".".join(variant), {})[model] = predictions
    of_both = {way: by_model for way, by_model in found.items() if by_model.keys() == {*MODEL_NAMES}}
    for way, by_model in of_both.items():
        for model, predictions in by_model.items():
            _check_scored(f"test.{model}.{way}", usual[model], predictions)
    return of_both


def _check_scored(stem: str, usual: Sequence[Prediction], predictions: Sequence[Prediction]) -> None:
    for line, (first, other) in enumerate(zip(usual, predictions, strict=True), 1):
        wanted, found = ({*(row.scores or {})} for row in (first, other))
        if wanted != found:
            raise DataError(
                f"4-predictions/{stem}.jsonl, line {line}: record {other.id} has scores of "
                f"{', '.join(sorted(found)) or 'nothing'}, but {', '.join(sorted(wanted)) or 'nothing'} as usual.",
                "scores of the same labels or letters in all sets of test predictions",
                "Run `medadapt predict` with the run folder: it makes predictions anew that were changed.",
            )
