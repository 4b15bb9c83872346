"""Seeded resampling of whole groups of records, for all metrics at once.

Records of one group (one document, near copies) say nearly the same, so a group is drawn whole. Work is done
in batches of resamples as matrix products: 10,000 resamples of 2,000 records take about a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from medadapt.core.errors import DataError
from medadapt.core.records import Record
from medadapt.metrics.marking.marks import FloatArray, IntArray, Tallies
from medadapt.metrics.marking.values import METRICS, metric_values

BoolArray = npt.NDArray[np.bool_]

CELLS = 4_000_000
"""Weights (resamples x groups) held at a time: 32 MB."""

BOOTSTRAP, SIGN_FLIPS = 0, 1
"""Independent streams of random numbers under one seed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is drawn, how often, and from which seed."""

    group: IntArray
    """(n,) number of each record's group, from 0."""
    samples: int
    seed: int

    @property
    def num_groups(self) -> int:
        return int(self.group.max()) + 1

    @property
    def shares_groups(self) -> bool:
        """Whether some group has more than one record."""
        return self.num_groups < len(self.group)


def plan_of_some(plan: Plan, rows: Sequence[int] | IntArray | BoolArray) -> Plan:
    """The plan for some of the records, at least one, named by place or by a mask (n,): their groups, numbered anew."""
    _, group = np.unique(plan.group[np.asarray(rows)], return_inverse=True)
    return replace(plan, group=group.astype(np.int64))


def groups_of(records: Sequence[Record]) -> IntArray:
    """(n,) the number of each record's group.

    Raises DataError for a record without one: whether it were taken for independent or put with the other strays,
    the intervals would be wrong.
    """
    for record in records:
        if not record.group:
            raise DataError(
                f"Record {record.id} has no `group`, so it is unknown which records may be resampled apart.",
                "a `group` in every test record; a record that shares nothing has a group of its own",
                "Run the prepare stage again.",
            )
    return group_numbers([record.group for record in records])


def group_numbers(names: Sequence[str]) -> IntArray:
    """The number of each name, in order of first appearance.

    >>> group_numbers(["b", "a", "b"]).tolist()
    [0, 1, 0]
    """
    number: dict[str, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.int64)


def total(tallies: Tallies) -> Tallies:
    """Sums over all records."""
    return {name: column.sum(axis=0) for name, column in tallies.items()}


def sum_groups(tallies: Tallies, group: IntArray) -> Tallies:
    """Sums over the records of each group: (n, ...) becomes (G, ...)."""
    shape = (int(group.max()) + 1, len(group))
    member_GN = sparse.csr_matrix((np.ones(len(group)), (group, np.arange(len(group)))), shape=shape)
    return {name: np.asarray(member_GN @ column) for name, column in tallies.items()}


def bootstrap_values(entrants: Mapping[str, Tallies], plan: Plan) -> dict[str, dict[str, FloatArray]]:
    """Each metric of each entrant in every resample: entrant -> metric -> (samples,).

    Groups are drawn with replacement, as many as there are, and the same draws serve all entrants: the
    difference of two entrants' values is a paired bootstrap (Efron and Tibshirani 1993, chapter 8).
    """
    grouped = {name: sum_groups(tallies, plan.group) for name, tallies in entrants.items()}
    matrix_GK = np.hstack([_flat(tallies) for tallies in grouped.values()])
    parts: dict[str, list[dict[str, FloatArray]]] = {name: [] for name in grouped}
    for weights_SG in bootstrap_weights(plan):
        sums_SK = weights_SG @ matrix_GK
        start = 0
        for name, tallies in grouped.items():
            width = _flat(tallies).shape[1]
            parts[name].append(metric_values(_unflat(sums_SK[:, start : start + width], tallies)))
            start += width
    return {name: _joined(values) for name, values in parts.items()}


def left_out_values(metric: str, tallies: Tallies, plan: Plan) -> FloatArray:
    """(G,) a metric without each group in turn, as the jackknife needs it; NaN where nothing is left to measure."""
    columns, value = METRICS[metric]
    grouped = sum_groups({name: tallies[name] for name in columns}, plan.group)
    return value({name: column.sum(axis=0) - column for name, column in grouped.items()})


def flipped_differences(first: Tallies, second: Tallies, plan: Plan) -> dict[str, FloatArray]:
    """Each metric's difference (second - first) after swapping the two models at random, group by group.

    Returns metric -> (samples,). If the models were equal, each swap would be as likely as not, so the
    observed difference is one draw from these (approximate randomisation: Noreen 1989; for F-scores
    Yeh 2000). That holds for any statistic, which is why the whole metric is computed anew for each swap.
    """
    shared = [name for name in first if name in second]
    one = sum_groups({name: first[name] for name in shared}, plan.group)
    other = sum_groups({name: second[name] for name in shared}, plan.group)
    one_GK, other_GK = _flat(one), _flat(other)
    middle_K, half_GK = (one_GK + other_GK).sum(axis=0) / 2, (other_GK - one_GK) / 2
    parts = []
    for signs_SG in _signs(plan):
        turned_SK = signs_SG @ half_GK
        before = metric_values(_unflat(middle_K - turned_SK, one))
        after = metric_values(_unflat(middle_K + turned_SK, one))
        with np.errstate(invalid="ignore"):  # infinite perplexities: no difference, no p
            parts.append({name: after[name] - before[name] for name in after})
    return _joined(parts)


def bootstrap_weights(plan: Plan) -> Iterator[FloatArray]:
    """Batches (S, G): how often each group is drawn in each resample."""
    random = np.random.Generator(np.random.PCG64([plan.seed, BOOTSTRAP]))
    groups = plan.num_groups
    for rows in _batches(plan):
        drawn_SG = random.integers(0, groups, size=(rows, groups)) + groups * np.arange(rows)[:, None]
        yield np.bincount(drawn_SG.ravel(), minlength=rows * groups).reshape(rows, groups).astype(np.float64)


def _signs(plan: Plan) -> Iterator[FloatArray]:
    """Batches (S, G) of +1 (as they are) and -1 (swapped)."""
    random = np.random.Generator(np.random.PCG64([plan.seed, SIGN_FLIPS]))
    for rows in _batches(plan):
        heads_SG = random.integers(0, 2, size=(rows, plan.num_groups), dtype=np.int8)
        yield np.where(heads_SG == 1, 1.0, -1.0)


def _batches(plan: Plan) -> Iterator[int]:
    size = max(1, CELLS // plan.num_groups)
    for start in range(0, plan.samples, size):
        yield min(size, plan.samples - start)


def _flat(tallies: Tallies) -> FloatArray:
    return np.hstack([column.reshape(len(column), -1) for column in tallies.values()])


def _unflat(sums_SK: FloatArray, like: Tallies) -> Tallies:
    widths = [1 if column.ndim == 1 else column.shape[1] for column in like.values()]
    blocks = np.split(sums_SK, np.cumsum(widths)[:-1], axis=1)
    pairs = zip(like.items(), blocks, strict=True)
    return {name: block[:, 0] if column.ndim == 1 else block for (name, column), block in pairs}


def _joined(parts: list[dict[str, FloatArray]]) -> dict[str, FloatArray]:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
