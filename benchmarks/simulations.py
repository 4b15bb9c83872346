"""How often verdicts and intervals are wrong, on simulated models whose truth is known.

Everything goes through the functions that make metrics.json. Only the number of bootstrap resamples is smaller
than in a run, as stated beside each figure: that adds noise to an end of an interval, but no bias.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from medadapt.metrics.marking.marks import FloatArray, IntArray, Tallies, on_grid
from medadapt.metrics.statistics.bias_correction import bca, bias_corrected
from medadapt.metrics.statistics.estimates import estimates
from medadapt.metrics.statistics.intervals import Interval, expanded_percentile, expanded_tail, wilson
from medadapt.metrics.statistics.paired import Pair, difference
from medadapt.metrics.statistics.resampling import (
    Plan,
    bootstrap_values,
    flipped_differences,
    left_out_values,
)

ALPHA = 0.05
CLUSTERS, SIZE, CORRELATION, ACCURACY = 100, 10, 0.3, 0.6
RARE_GAINS = (0.03, 0.05)


class NearOne(NamedTuple):
    """A test set on which nearly every record is right; the correlation within a group is `CORRELATION`."""

    accuracy: float
    clusters: int
    smallest: int
    largest: int
    """Groups have from `smallest` to `largest` records, each number as often."""

    @property
    def name(self) -> str:
        fewer = f"{self.smallest} to " if self.smallest < self.largest else ""
        return f"{self.accuracy}, {self.clusters} groups of {fewer}{self.largest} records"


NEAR_ONE = (
    NearOne(0.97, 60, 2, 2),
    NearOne(0.98, 100, 3, 3),
    NearOne(0.97, 80, 1, 4),
    NearOne(0.95, 30, 5, 5),
)


def measure() -> dict[str, Any]:
    """All simulations at full size; about four minutes of one core."""
    return {
        "false_alarms": {
            "accuracy, 61 records": false_alarms_of_marks(61, trials=10_000),
            "accuracy, 500 records": false_alarms_of_marks(500, trials=10_000),
            "bits per byte, 61 records": false_alarms_of_likelihoods(61, trials=4000, samples=400),
            "bits per byte, 500 records": false_alarms_of_likelihoods(500, trials=2000, samples=400),
            "accuracy, 100 groups of 10 records": false_alarms_of_groups(trials=2000, samples=400),
        },
        "coverage_of_groups": coverage_of_groups(trials=2000, samples=1000),
        "coverage_near_one": {
            case.name: coverage_near_one(case, trials=2000, samples=1000) for case in NEAR_ONE
        },
        "coverage_of_rare_gains": {
            f"{gain:.0%} of the records of 40 groups of 3": coverage_of_rare_gains(
                gain, trials=2000, samples=1000
            )
            for gain in RARE_GAINS
        },
        "coverage_of_bca": {
            f"{kind}, {n} records": coverage_of_bca(kind, n, trials=2000, samples=500)
            for kind in ("one model", "difference of two")
            for n in (10, 30, 61, 100, 500)
        },
    }


def false_alarms_of_marks(n: int, *, trials: int, seed: int = 0) -> dict[str, Any]:
    """Verdicts on the accuracies of two equal models that find the same records hard; nothing is resampled."""
    random, alarms = np.random.default_rng([seed, n]), 0
    for _ in range(trials):
        chance = random.beta(3, 2, n)
        first, second = (_marks(random.random(n) < chance) for _ in range(2))
        pair = Pair(
            first=first,
            second=second,
            first_resampled={},
            second_resampled={},
            flipped={},
            plan=Plan(group=np.arange(n), samples=1, seed=0),
            alpha=ALPHA,
            primary="accuracy",
        )
        alarms += difference("accuracy", pair).verdict != "not shown"
    return _alarms(alarms, trials, samples=None)


def false_alarms_of_likelihoods(n: int, *, trials: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """Verdicts on the bits per byte of two equal models that find the same records hard."""
    random, alarms = np.random.default_rng([seed, n]), 0
    for trial in range(trials):
        first, second = _equal_likelihoods(random, n)
        pair = _resampled(
            first, second, Plan(group=np.arange(n), samples=samples, seed=trial), "bits_per_byte"
        )
        alarms += difference("bits_per_byte", pair).verdict != "not shown"
    return _alarms(alarms, trials, samples=samples)


def false_alarms_of_groups(*, trials: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """Verdicts on the accuracies of two equal models, each with weak documents of its own."""
    random, alarms = np.random.default_rng([seed, CLUSTERS]), 0
    for trial in range(trials):
        first, second = (_marks(_clustered(random)) for _ in range(2))
        pair = _resampled(first, second, _groups(samples, trial), "accuracy")
        alarms += difference("accuracy", pair).verdict != "not shown"
    return _alarms(alarms, trials, samples=samples)


def coverage_of_groups(*, trials: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """How often the interval of an accuracy holds the truth: as reported, and if 1,000 records were independent."""
    random, reported, naive = np.random.default_rng([seed, SIZE]), 0, 0
    for trial in range(trials):
        tallies, plan = _marks(_clustered(random)), _groups(samples, trial)
        resampled = bootstrap_values({"m": tallies}, plan)["m"]
        found = estimates(tallies, resampled, names=["accuracy"], plan=plan, alpha=ALPHA, missing={})[
            "accuracy"
        ]
        reported += found.low <= ACCURACY <= found.high
        naive += _holds(wilson(found.value, n=len(plan.group), alpha=ALPHA), ACCURACY)
    return {"trials": trials, "samples": samples, "reported": reported / trials, "naive": naive / trials}


def coverage_near_one(case: NearOne, *, trials: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """How often the interval of an accuracy near 1 holds the truth: as reported, and by the bootstrap alone.

    Where no resample differs, both are the same. `width` is the mean width of the reported one against the other.
    """
    random = np.random.default_rng([seed, case.clusters])
    held, width = np.zeros(2), np.zeros(2)
    for trial in range(trials):
        size = random.integers(case.smallest, case.largest + 1, case.clusters)
        tallies = _marks(_in_clusters(random, case.accuracy, size))
        plan = Plan(group=np.repeat(np.arange(case.clusters), size), samples=samples, seed=trial)
        resampled = bootstrap_values({"m": tallies}, plan)["m"]
        found = estimates(tallies, resampled, names=["accuracy"], plan=plan, alpha=ALPHA, missing={})[
            "accuracy"
        ]
        reported = Interval(found.low, found.high)
        alike = (resampled["accuracy"] == found.value).all()
        plain = (
            reported
            if alike
            else expanded_percentile(resampled["accuracy"], num_groups=case.clusters, alpha=ALPHA)
        )
        held += [_holds(interval, case.accuracy) for interval in (reported, plain)]
        width += [interval.high - interval.low for interval in (reported, plain)]
    return {
        "trials": trials,
        "samples": samples,
        "reported": held[0] / trials,
        "bootstrap": held[1] / trials,
        "width": width[0] / width[1],
    }


def coverage_of_rare_gains(gain: float, *, trials: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """How often the interval of a difference of accuracies holds the truth, where some records in groups are gained.

    Nothing is lost, and records are gained independently: `gain` is the true difference. `bootstrap` is that of the
    interval of the bootstrap over groups alone, where no resample differs the reported one.
    """
    random = np.random.default_rng([seed, round(1000 * gain)])
    group = np.repeat(np.arange(40), 3)
    held = np.zeros(2)
    for trial in range(trials):
        before = _marks(np.zeros(len(group)))
        after = _marks(random.random(len(group)) < gain)
        pair = _resampled(before, after, Plan(group=group, samples=samples, seed=trial), "accuracy")
        found = difference("accuracy", pair)
        reported = Interval(found.low, found.high)
        shifts = pair.second_resampled["accuracy"] - pair.first_resampled["accuracy"]
        plain = expanded_percentile(shifts, num_groups=40, alpha=ALPHA) if np.ptp(shifts) else reported
        held += [_holds(interval, gain) for interval in (reported, plain)]
    return {
        "trials": trials,
        "samples": samples,
        "reported": held[0] / trials,
        "bootstrap": held[1] / trials,
    }


def coverage_of_bca(kind: str, n: int, *, trials: int, samples: int, seed: int = 0) -> dict[str, Any]:
    """How often the percentile interval, the BCa interval and the reported one hold the true nats per byte.

    `kind` is `one model` (skewed) or `difference of two` equal models (long tails). The tails are the same for
    all three. `above` is the share of intervals that end below the truth, `width` the mean width against the
    percentile interval.
    """
    random = np.random.default_rng([seed, n])
    held, above, width = np.zeros(3), np.zeros(3), np.zeros(3)
    for trial in range(trials):
        plan = Plan(group=np.arange(n), samples=samples, seed=trial)
        truth, value, resampled, left_out = (_one if kind == "one model" else _two)(random, plan)
        plain = expanded_percentile(resampled, num_groups=n, alpha=ALPHA)
        corrected = bca(resampled, value=value, left_out=left_out, tail=expanded_tail(n, ALPHA))
        reported = bias_corrected(resampled, value=value, left_out=left_out, num_groups=n, alpha=ALPHA)
        intervals = (plain, corrected, reported)
        held += [_holds(interval, truth) for interval in intervals]
        above += [truth > interval.high for interval in intervals]
        width += [interval.high - interval.low for interval in intervals]
    names = ("percentile", "bca", "reported")
    return {
        "trials": trials,
        "samples": samples,
        "covered": dict(zip(names, (held / trials).tolist(), strict=True)),
        "above": dict(zip(names, (above / trials).tolist(), strict=True)),
        "width": dict(zip(names, (width / width[0]).tolist(), strict=True)),
    }


def _one(random: np.random.Generator, plan: Plan) -> tuple[float, float, FloatArray, FloatArray]:
    """Truth, value, resamples and left-out values of one model's nats per token."""
    n = plan.num_groups
    size = random.integers(5, 60, n).astype(float)
    tallies = {"nll": on_grid(size * random.gamma(1, 1, n)), "tokens": size}
    value = float(tallies["nll"].sum() / size.sum())
    return (
        1.0,
        value,
        bootstrap_values({"m": tallies}, plan)["m"]["loss"],
        left_out_values("loss", tallies, plan),
    )


def _two(random: np.random.Generator, plan: Plan) -> tuple[float, float, FloatArray, FloatArray]:
    """The same of the difference of two equal models."""
    first, second = _equal_likelihoods(random, plan.num_groups)
    resampled = bootstrap_values({"first": first, "second": second}, plan)
    name = "bits_per_byte"
    value = float((second["nll"].sum() - first["nll"].sum()) / first["bytes"].sum() / np.log(2))
    shifts = resampled["second"][name] - resampled["first"][name]
    return 0.0, value, shifts, left_out_values(name, second, plan) - left_out_values(name, first, plan)


def _equal_likelihoods(random: np.random.Generator, n: int) -> tuple[Tallies, Tallies]:
    """Nats and bytes of two models that are equally good and find the same records hard."""
    size = random.integers(5, 60, n).astype(float)
    hard = size * random.gamma(2, 1, n)
    first, second = ({"nll": on_grid(hard * random.lognormal(0, 0.3, n)), "bytes": size} for _ in range(2))
    return first, second


def _clustered(random: np.random.Generator) -> FloatArray:
    return _in_clusters(random, ACCURACY, np.full(CLUSTERS, SIZE))


def _in_clusters(random: np.random.Generator, accuracy: float, size: IntArray) -> FloatArray:
    """0/1 marks with a mean of `accuracy` and an intra-cluster correlation of `CORRELATION` (beta-binomial)."""
    scale = 1 / CORRELATION - 1
    shares = random.beta(accuracy * scale, (1 - accuracy) * scale, len(size))
    return random.random(int(size.sum())) < np.repeat(shares, size)


def _groups(samples: int, seed: int) -> Plan:
    return Plan(group=np.repeat(np.arange(CLUSTERS), SIZE), samples=samples, seed=seed)


def _marks(right: FloatArray) -> Tallies:
    return {"right": right.astype(float), "records": np.ones(len(right))}


def _resampled(first: Tallies, second: Tallies, plan: Plan, primary: str) -> Pair:
    resampled = bootstrap_values({"first": first, "second": second}, plan)
    return Pair(
        first=first,
        second=second,
        first_resampled=resampled["first"],
        second_resampled=resampled["second"],
        flipped=flipped_differences(first, second, plan),
        plan=plan,
        alpha=ALPHA,
        primary=primary,
    )


def _holds(interval: Interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def _alarms(alarms: int, trials: int, *, samples: int | None) -> dict[str, Any]:
    """`p` is that of at least so many alarms, were their rate 5 % (one-sided exact binomial test)."""
    p = stats.binomtest(alarms, trials, ALPHA, alternative="greater").pvalue
    return {"trials": trials, "samples": samples, "rate": alarms / trials, "p": float(p)}
