"""The metrics, each a function of sums over records (`marks.Tallies` without the axis of records).

Leading axes are those of the sums: none for the test set itself, one for a batch of resamples. What has
no value (no token at all, a perplexity beyond float64) is NaN or infinite here and becomes null with a reason
in `estimates.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from medadapt.core.records import Task
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.marking.corpus_overlap import bleu, chrf
from medadapt.metrics.marking.marks import FloatArray, Tallies


def accuracy(sums: Tallies) -> FloatArray:
    """Share of records whose best-scored label or letter is the right one."""
    return _ratio(sums["right"], sums["records"])


def accuracy_generated(sums: Tallies) -> FloatArray:
    """Share of records whose written answer reads as the right label or letter; unreadable is wrong."""
    return _ratio(sums["right_generated"], sums["records"])


def macro_f1(sums: Tallies) -> FloatArray:
    """Unweighted mean of F1 over the labels that are the truth of at least one record.

    F1 of a label is 2 hits / (times true + times chosen). Equal to scikit-learn's `average="macro"` with
    `labels` set to those labels; a label that is only ever chosen lowers the F1 of the labels it displaced,
    but is no class of its own. A resample averages over the labels true in it.
    """
    present = sums["truth"] > 0
    f1 = _ratio(2 * sums["hits"], sums["truth"] + sums["chosen"])
    return _ratio(np.where(present, f1, 0.0).sum(axis=-1), present.sum(axis=-1))


def loss(sums: Tallies) -> FloatArray:
    """Negative log-likelihood of the reference answers in nats per token; every token weighs the same."""
    return _ratio(sums["nll"], sums["tokens"])


def perplexity(sums: Tallies) -> FloatArray:
    """exp(loss): among how many equally likely tokens the model chooses, on average."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(loss(sums)))


def bits_per_byte(sums: Tallies) -> FloatArray:
    """Negative log-likelihood in bits per UTF-8 byte of the answers; comparable across tokenizers."""
    return _ratio(sums["nll"] / np.log(2), sums["bytes"])


def soft_match(sums: Tallies) -> FloatArray:
    """Share of records whose written answer is at least as like the reference as `evaluation.soft_match` asks."""
    return _ratio(sums["right_soft"], sums["records"])


def contradicted(sums: Tallies) -> FloatArray:
    """Share of checkable written answers that contradict their reference (`contrast_rates.py`)."""
    return _ratio(sums["contradicted"], sums["records"])


def named(sums: Tallies) -> FloatArray:
    """Share of what the references name that the written answers name, too."""
    return _ratio(sums["named"], sums["nameable"])


def _mean(column: str) -> Callable[[Tallies], FloatArray]:
    return lambda sums: _ratio(sums[column], sums["records"])


METRICS: Mapping[str, tuple[tuple[str, ...], Callable[[Tallies], FloatArray]]] = {
    "accuracy": (("right", "records"), accuracy),
    "accuracy_generated": (("right_generated", "records"), accuracy_generated),
    "macro_f1": (("hits", "truth", "chosen"), macro_f1),
    "loss": (("nll", "tokens"), loss),
    "perplexity": (("nll", "tokens"), perplexity),
    "bits_per_byte": (("nll", "bytes"), bits_per_byte),
    "rouge1": (("rouge1", "records"), _mean("rouge1")),
    "rouge2": (("rouge2", "records"), _mean("rouge2")),
    "rougeL": (("rougeL", "records"), _mean("rougeL")),
    "bleu": (("bleu_counts",), lambda sums: bleu(sums["bleu_counts"])),
    "chrf": (("chrf_counts",), lambda sums: chrf(sums["chrf_counts"])),
    "token_f1": (("token_f1", "records"), _mean("token_f1")),
    "fuzzy": (("fuzzy", "records"), _mean("fuzzy")),
    "similarity": (("similarity", "records"), _mean("similarity")),
    "soft_match": (("right_soft", "records"), soft_match),
    "contradicted": (("contradicted", "records"), contradicted),
    "named": (("named", "nameable"), named),
}
"""Each metric with the columns it is made from, in the order of metrics.json. `soft_match` has a block of its
own there; `contradicted` and `named` stand in the block `contrast`."""

ZERO_ONE = {
    "accuracy": "right",
    "accuracy_generated": "right_generated",
    "soft_match": "right_soft",
    "contradicted": "contradicted",
}
"""Metrics that are the mean of a 0/1 mark a record, and their column."""


def metric_names(task: Task, *, generated: bool, similar: bool = False) -> list[str]:
    """The metrics reported for a task.

    `generated` where the models also wrote their answers, `similar` where an embedding model compared them.
    """
    names = ["loss", "perplexity", "bits_per_byte"]
    if task == "qa":
        return names + [name for name in TEXT_METRICS if generated and (similar or name != "similarity")]
    return ["accuracy", *(["accuracy_generated"] if generated else []), "macro_f1", *names]


def metric_values(sums: Tallies) -> dict[str, FloatArray]:
    """Every metric that these sums allow."""
    return {name: value(sums) for name, (columns, value) in METRICS.items() if sums.keys() >= {*columns}}


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(numerator / denominator)
