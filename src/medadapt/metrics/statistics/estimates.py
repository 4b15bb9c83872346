"""Each metric of one model with its confidence interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from medadapt.core.results import Estimate
from medadapt.core.text_metrics import TEXT_METRICS
from medadapt.metrics.marking.marks import FloatArray, Tallies
from medadapt.metrics.marking.values import METRICS, ZERO_ONE, metric_values
from medadapt.metrics.statistics.bias_correction import NO_WIDTH, bias_corrected, is_corrected
from medadapt.metrics.statistics.intervals import (
    Interval,
    expanded_percentile,
    grouped_wilson,
    no_interval,
    wilson,
)
from medadapt.metrics.statistics.resampling import Plan, left_out_values, sum_groups, total

NO_COLUMN = {
    "right": "the task has no closed set of answers",
    "right_generated": "no answers were written",
    "hits": "the task has no closed set of answers",
    "nll": "the predictions hold no likelihood of the reference answers",
    **dict.fromkeys((METRICS[name][0][0] for name in TEXT_METRICS), "no answers were written"),
}
NO_VALUE = {
    "loss": "no token of the reference answers fits the model's context",
    "perplexity": "exp(loss) is too large for a floating-point number",
    "bits_per_byte": "no byte of the reference answers fits the model's context",
}
NO_SPREAD = "resampling these decisions shows no spread; see the interval of the accuracy"
ALL_ALIKE = "every resample gives the same value, so how far it would vary is unknown"


def estimates(
    tallies: Tallies,
    resampled: Mapping[str, FloatArray],
    *,
    names: Sequence[str],
    plan: Plan,
    alpha: float,
    missing: Mapping[str, str],
    primary: str | None = None,
) -> dict[str, Estimate]:
    """One Estimate for each of `names`; `resampled` holds the metrics in each bootstrap resample.

    `missing` says, by metric, why it has no value where its column is missing. `primary` is the metric
    whose interval is BCa (see `bias_correction.py`).
    """
    values = metric_values(total(tallies))
    n = len(plan.group)
    found: dict[str, Estimate] = {}
    for name in names:
        if name not in values:
            found[name] = Estimate(value=None, low=None, high=None, n=n, reason=missing[name])
        elif not math.isfinite(values[name]):
            # Without a token there is no loss, and then no perplexity either.
            known = name == "perplexity" and math.isnan(values["loss"])
            reason = NO_VALUE["loss" if known else name]
            found[name] = Estimate(value=None, low=None, high=None, n=n, reason=reason)
        else:
            value = float(values[name])
            interval: Interval | None
            why_none: str | None = None
            if name in ZERO_ONE:
                interval = _share_interval(name, value, tallies, resampled[name], plan, alpha)
            else:
                left_out = left_out_values(name, tallies, plan) if is_corrected(name, primary) else None
                interval, why_none = _interval(name, value, resampled[name], left_out, plan, alpha)
            low, high = interval or (None, None)
            found[name] = Estimate(value=value, low=low, high=high, n=n, reason=why_none)
    return found


def interval_method(name: str, plan: Plan, *, primary: str | None = None) -> str:
    """How the interval of a metric is made (see `_share_interval` and `_interval`).

    `wilson`, `bootstrap` or `bootstrap-bca`; where records share groups `group-bootstrap-wilson`, `group-bootstrap`
    or `group-bootstrap-bca`.
    """
    if name in ZERO_ONE:
        return "group-bootstrap-wilson" if plan.shares_groups else "wilson"
    method = "group-bootstrap" if plan.shares_groups else "bootstrap"
    return f"{method}-bca" if is_corrected(name, primary) else method


def _share_interval(
    name: str, value: float, tallies: Tallies, resampled: FloatArray, plan: Plan, alpha: float
) -> Interval:
    """Wilson for shares of independent records; where records share groups, what holds two intervals.

    Near 0 and 1 a few groups decide, and the expanded percentile bootstrap over groups covers 88 to 90 % instead
    of 95 % (simulated: a share of 0.97 in 60 groups of 2 records, 0.95 in 30 of 5). `grouped_wilson` covers 91
    to 97 % there, both together 93 to 99 %. They are about a quarter wider than the bootstrap alone at 0.97 and
    2 % wider at 0.6 in 100 groups of 10 (`benchmarks/simulations.py`).

    Where no resample differs (every record right), both would claim to know how alike the records of a group
    are. Were they wholly alike, each group would be one record; so the interval is that of as many independent
    records as there are groups. It is cautious where they are not, and rests on no estimated spread.
    """
    groups = plan.num_groups
    if not plan.shares_groups or (resampled == value).all():
        return wilson(value, n=groups, alpha=alpha)
    columns = {"marked": tallies[ZERO_ONE[name]], "records": tallies["records"]}
    grouped = sum_groups(columns, plan.group)
    score = grouped_wilson(grouped["marked"], grouped["records"], alpha=alpha)
    percentile = expanded_percentile(resampled, num_groups=groups, alpha=alpha)
    if percentile is None:
        return score
    return Interval(min(score.low, percentile.low), max(score.high, percentile.high))


def _interval(
    name: str, value: float, resampled: FloatArray, left_out: FloatArray | None, plan: Plan, alpha: float
) -> tuple[Interval | None, str | None]:
    """The expanded percentile bootstrap over groups, or BCa.

    Where resampling finds no spread at all (every record right, every answer empty), the bootstrap would claim
    certainty: the macro-F1 and the metrics of texts then get no interval. With only one or two test records a
    label, the interval of the macro-F1 covers about 90 % instead of 95 % (simulated: 61 records of 41 labels);
    that of the accuracy does not have this weakness.
    """
    if name == "macro_f1" and np.ptp(resampled) < NO_WIDTH:
        return None, NO_SPREAD
    if name in (*TEXT_METRICS, "named") and plan.num_groups > 1 and np.ptp(resampled) < NO_WIDTH:
        return None, ALL_ALIKE
    groups = plan.num_groups
    if left_out is None:
        interval = expanded_percentile(resampled, num_groups=groups, alpha=alpha)
    else:
        interval = bias_corrected(resampled, value=value, left_out=left_out, num_groups=groups, alpha=alpha)
    return interval, None if interval else no_interval(groups)
