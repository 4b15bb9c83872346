"""The test questions as they were asked of both models in other ways, by way and model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from medadapt.core.records import Record
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.marking.marks import check_rows

Ways = Mapping[str, Mapping[str, Sequence[Prediction]]]
"""way -> model -> predictions of the test records; `test` is the usual way, others are `rotated_1`, `by_text`."""


def variants(test: Sequence[Record], further: Mapping[str, Sequence[Prediction]]) -> Ways:
    """The further sets that both models answered; `further` has them by the name of their file.

    Raises DataError where one is not of these test records.
    """
    found: dict[str, dict[str, Sequence[Prediction]]] = {}
    for stem, predictions in further.items():
        split, model, *variant = stem.split(".")
        if split == "test" and variant:
            check_rows(stem, test, predictions)
            found.setdefault(".".join(variant), {})[model] = predictions
    return {way: by_model for way, by_model in found.items() if by_model.keys() == {*MODEL_NAMES}}
