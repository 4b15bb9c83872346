"""What tuning cost the base: its likelihood of general text before and after, judged for non-inferiority.

A large p-value is no evidence that nothing was forgotten. So the question is turned round: is the rise of the loss
shown to lie below a margin that was fixed beforehand? It is where the upper end of a one-sided 95 % interval of the
paired rise does (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority, 2010, chapter 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np

from medadapt.core.errors import DataError
from medadapt.core.results import MODEL_NAMES, Prediction
from medadapt.metrics.marking.marks import FloatArray, Tallies, mark_likelihoods
from medadapt.metrics.marking.values import metric_values
from medadapt.metrics.statistics.estimates import NO_COLUMN, estimates
from medadapt.metrics.statistics.intervals import expanded_percentile
from medadapt.metrics.statistics.resampling import Plan, bootstrap_values, total

ONE_SIDED = 0.05
METRICS = ("loss", "bits_per_byte")

Kept = Literal["kept", "not shown", "lost"]
"""The rise is shown to be below the margin; neither is shown; it is shown to be above."""


def forgetting(
    baseline: Sequence[Prediction],
    tuned: Sequence[Prediction],
    *,
    margin: float,
    samples: int,
    seed: int,
    alpha: float,
) -> dict[str, Any]:
    """By kind of text, how far the loss rose, and whether that is less than `margin` (nats per token).

    The predictions are those of `general.<model>.jsonl`; a passage's id begins with its kind (`prose-03`).
    Returns {margin, one_sided_alpha, verdict, kinds: {kind: {n, baseline, tuned, rise: {value, low, high},
    verdict}}}, where `baseline` and `tuned` hold estimates of loss and bits per byte at `alpha`, and `rise` the
    ends of two one-sided intervals. The whole verdict is the worst of its kinds. Raises DataError where the two
    models were not asked the same passages, or where a passage has no likelihood.
    """
    if [p.id for p in baseline] != [p.id for p in tuned] or not baseline:
        raise DataError(
            "The general text was not measured on the same passages before and after tuning.",
            "the same passages, in the same order, for both models",
            "Run the predict stage again.",
        )
    for prediction in (*baseline, *tuned):
        _check_measured(prediction)
    kinds = list(dict.fromkeys(_kind(prediction) for prediction in baseline))
    found = {
        kind: _of_kind(
            {
                name: mark_likelihoods([p for p in rows if _kind(p) == kind])
                for name, rows in zip(MODEL_NAMES, (baseline, tuned), strict=True)
            },
            margin=margin,
            samples=samples,
            seed=seed,
            alpha=alpha,
        )
        for kind in kinds
    }
    verdicts = [part["verdict"] for part in found.values()]
    order: tuple[Kept, ...] = ("lost", "not shown", "kept")
    worst = next(verdict for verdict in order if verdict in verdicts)
    return {"margin": margin, "one_sided_alpha": ONE_SIDED, "verdict": worst, "kinds": found}


def judge(low: float | None, high: float | None, margin: float) -> Kept:
    """What a rise between `low` and `high` says about a margin."""
    if low is None or high is None:
        return "not shown"
    return "kept" if high < margin else "lost" if low > margin else "not shown"


def _check_measured(prediction: Prediction) -> None:
    measured = (prediction.nll, prediction.num_tokens, prediction.num_bytes)
    if None in measured:
        raise DataError(
            f"4-predictions/general.{prediction.model}.jsonl has no likelihood of the passage {prediction.id}.",
            "`nll`, `num_tokens` and `num_bytes` of every passage",
            "Run the predict stage again.",
        )


def _kind(prediction: Prediction) -> str:
    return prediction.id.rpartition("-")[0]


def _of_kind(
    models: dict[str, Tallies], *, margin: float, samples: int, seed: int, alpha: float
) -> dict[str, Any]:
    n = len(models["baseline"]["nll"])
    plan = Plan(group=np.arange(n), samples=samples, seed=seed)
    resampled = bootstrap_values(models, plan)
    before, after = (metric_values(total(models[name]))["loss"] for name in MODEL_NAMES)
    shifts: FloatArray = resampled["tuned"]["loss"] - resampled["baseline"]["loss"]
    ends = expanded_percentile(shifts, num_groups=n, alpha=2 * ONE_SIDED)
    low, high = ends or (None, None)
    told: dict[str, dict[str, Any]] = {
        name: {
            metric: asdict(estimate)
            for metric, estimate in estimates(
                models[name],
                resampled[name],
                names=METRICS,
                plan=plan,
                alpha=alpha,
                missing=dict.fromkeys(METRICS, NO_COLUMN["nll"]),
            ).items()
        }
        for name in MODEL_NAMES
    }
    rise = {"value": float(after - before), "low": low, "high": high}
    verdict = judge(low, high, margin)
    return {"n": n, "baseline": told["baseline"], "tuned": told["tuned"], "rise": rise, "verdict": verdict}
