"""What a model believes of each closed question: a probability for every answer, at a temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from medadapt.core.errors import DataError
from medadapt.core.records import Record, Task
from medadapt.core.results import Prediction
from medadapt.metrics.marking.marks import FloatArray, IntArray, on_grid, truths
from medadapt.metrics.statistics.resampling import group_numbers

SAME = 1e-6
"""Probabilities that differ by less are those of the raw scores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """n records and K answers: all labels or letters that are scored or true anywhere, sorted."""

    ids: tuple[str, ...]
    names: tuple[str, ...]
    logits: FloatArray
    """(n, K) log-weights in nats, up to a constant a record; -inf for an answer that was not scored."""
    truth: IntArray
    """(n,) column of the right answer."""
    chosen: IntArray
    """(n,) column of the model's choice."""
    group: IntArray
    """(n,) number of each record's group."""

    @property
    def right(self) -> FloatArray:
        """(n,) 1 where the choice is the right answer."""
        return (self.chosen == self.truth).astype(np.float64)


def beliefs_of(task: Task, records: Sequence[Record], predictions: Sequence[Prediction]) -> Beliefs:
    """The beliefs of one model on the records of one split of a closed task.

    The log-weights are the scores, or the logarithms of `probabilities` where another rule than the raw sum
    made those. Raises DataError when the predictions are not of these records, in this order, or lack scores.
    """
    answers = truths(task, records)
    if answers is None:
        raise ValueError("open questions have no set of answers to believe in")
    _check(records, predictions)
    weights = [_log_weights(prediction) for prediction in predictions]
    names = sorted({name for row in weights for name in row}.union(answers))
    column = {name: place for place, name in enumerate(names)}
    logits_NK = np.full((len(records), len(names)), -np.inf)
    for place, row in enumerate(weights):
        logits_NK[place, [column[name] for name in row]] = list(row.values())
    chosen = [
        max(row, key=row.__getitem__) if p.choice is None else p.choice
        for p, row in zip(predictions, weights, strict=True)
    ]
    return Beliefs(
        ids=tuple(record.id for record in records),
        names=tuple(names),
        logits=logits_NK,
        truth=np.array([column[answer] for answer in answers], dtype=np.int64),
        chosen=np.array([column[name] for name in chosen], dtype=np.int64),
        group=group_numbers([record.group for record in records]),
    )


def has_scores(predictions: Sequence[Prediction]) -> bool:
    """Whether every prediction scored at least one answer."""
    return bool(predictions) and all(prediction.scores for prediction in predictions)


def probabilities(logits_NK: FloatArray, temperature: float = 1.0) -> FloatArray:
    """Softmax over each row after division by the temperature: (n, K), each row sums to 1."""
    scaled_NK = logits_NK / temperature
    weights_NK = np.exp(scaled_NK - scaled_NK.max(axis=1, keepdims=True))
    return np.asarray(weights_NK / weights_NK.sum(axis=1, keepdims=True))


def confidences(beliefs: Beliefs, temperature: float = 1.0) -> FloatArray:
    """(n,) the probability of each choice, on the grid of all metrics: equal to 1e-9 is equal."""
    shares_NK = probabilities(beliefs.logits, temperature)
    return on_grid(shares_NK[np.arange(len(shares_NK)), beliefs.chosen].tolist())


def _follows_scores(prediction: Prediction) -> bool:
    """Whether its probabilities are the softmax of its raw scores, and not made by another rule of choosing."""
    scores, shares = prediction.scores or {}, prediction.probabilities
    if shares is None or shares.keys() != scores.keys():
        return True
    (of_scores,) = probabilities(np.array([list(scores.values())]))
    return bool(np.abs(of_scores - np.array([shares[name] for name in scores])).max() < SAME)


def _log_weights(prediction: Prediction) -> Mapping[str, float]:
    shares = prediction.probabilities
    if shares is None or _follows_scores(prediction):
        return prediction.scores or {}
    least = float(np.finfo(np.float64).tiny)  # a share too small for a float is no -inf
    return {name: math.log(max(share, least)) for name, share in shares.items()}


def _check(records: Sequence[Record], predictions: Sequence[Prediction]) -> None:
    expected, remedy = "one prediction for each record, in the same order", "Run the predict stage again."
    if len(records) != len(predictions):
        raise DataError(
            f"There are {len(predictions)} predictions of {len(records)} records.", expected, remedy
        )
    for place, (record, prediction) in enumerate(zip(records, predictions, strict=True), 1):
        if record.id != prediction.id:
            raise DataError(
                f"Prediction {place} of the {prediction.model} model is of record {prediction.id}, not of "
                f"{record.id}.",
                expected,
                remedy,
            )
        scores = prediction.scores or {}
        if not scores or (prediction.choice is not None and prediction.choice not in scores):
            raise DataError(
                f"Record {record.id}: the {prediction.model} prediction has no score of its choice.",
                "a score for each label or option",
                remedy,
            )
        if not np.isfinite(list(scores.values())).all():
            raise DataError(
                f"Record {record.id}: the {prediction.model} prediction has a score that is not finite.",
                "finite log-likelihoods",
                remedy,
            )
