"""Records -> train, validation and test, group by group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from medadapt.core.errors import DataError
from medadapt.core.hashes import seeded_order
from medadapt.core.recipe import SplitSection
from medadapt.core.records import SPLITS, Record, SplitName

POOL = "\x00strata of one group"


@dataclass(slots=True, kw_only=True)
class _Stratum:
    """The groups, in seeded order, of one label or question type, or of everything."""

    name: str
    groups: list[str]
    num_records: int


def split_records(
    records: Sequence[Record],
    split: SplitSection,
    *,
    seed: int,
    stratify_by: Mapping[str, str] | None,
    pool_single: bool = False,
) -> dict[SplitName, list[Record]]:
    """Records of each split in their given order; a group lies in one split as a whole.

    `stratify_by` maps a record's id to its stratum (label, question type). Shares are targets: a stratum
    with two groups or more has one in test, and the last group of a stratum always stays in train.
    `pool_single` shares out the strata of one group together instead of leaving them all to train. Raises
    DataError where no test record can be had.
    """
    sizes = Counter(record.group for record in records)
    strata = _strata(records, stratify_by, seed)
    if pool_single:
        strata = _pooled(strata, seed)
    taken: dict[str, SplitName] = {}
    for name, share in (("test", split.test), ("validation", split.validation)):
        if share == 0:
            continue
        wanted = _quotas(strata, share, at_least_one=name == "test", seed=seed)
        for stratum in strata:
            chosen = _fill(stratum.groups, sizes, wanted[stratum.name])
            taken.update(dict.fromkeys(chosen, name))  # type: ignore[arg-type]
            stratum.groups = [group for group in stratum.groups if group not in taken]
    parts: dict[SplitName, list[Record]] = {name: [] for name in SPLITS}
    for record in records:
        parts[taken.get(record.group, "train")].append(record)
    if not parts["test"]:
        raise _nothing_to_test(num_records=len(records), num_groups=len(sizes), num_strata=len(strata))
    return parts


def _nothing_to_test(*, num_records: int, num_groups: int, num_strata: int) -> DataError:
    if num_strata > 1:
        return DataError(
            f"No record is left to test on: each of the {num_strata} labels has rows of one kind only.",
            "a label with at least two different inputs, one to train and one to test on",
            "Add rows, or name another label column with data.columns: {label: <column>}.",
        )
    return DataError(
        f"No record is left to test on: {num_records} records form {num_groups} group to keep whole, because "
        "their inputs are the same, nearly the same, or of one document.",
        "at least two groups",
        "Add rows. data.split.group: none splits row by row, and the report will say so.",
    )


def _strata(records: Sequence[Record], stratify_by: Mapping[str, str] | None, seed: int) -> list[_Stratum]:
    members: dict[str, list[Record]] = {}
    for record in records:
        members.setdefault(record.group, []).append(record)
    strata: dict[str, _Stratum] = {}
    for group in seeded_order(members, seed, str):
        votes = Counter(stratify_by[record.id] if stratify_by else "" for record in members[group])
        name = min(votes, key=lambda label: (-votes[label], label))
        stratum = strata.setdefault(name, _Stratum(name=name, groups=[], num_records=0))
        stratum.groups.append(group)
        stratum.num_records += len(members[group])
    return [strata[name] for name in sorted(strata)]


def _pooled(strata: Sequence[_Stratum], seed: int) -> list[_Stratum]:
    single = [stratum for stratum in strata if len(stratum.groups) == 1]
    groups = seeded_order((group for stratum in single for group in stratum.groups), seed, str)
    pool = _Stratum(name=POOL, groups=groups, num_records=sum(stratum.num_records for stratum in single))
    return [*(stratum for stratum in strata if len(stratum.groups) > 1), *([pool] if single else [])]


def _quotas(strata: Sequence[_Stratum], share: float, *, at_least_one: bool, seed: int) -> dict[str, int]:
    """Records wanted of each stratum: whole parts first, then the largest remainders, ties by seed."""
    can_give = [stratum for stratum in strata if len(stratum.groups) > 1]
    exact = {stratum.name: share * stratum.num_records for stratum in can_give}
    wanted = {name: max(floor(part), int(at_least_one)) for name, part in exact.items()}
    total = max(1, round(share * sum(stratum.num_records for stratum in strata)))
    by_seed = seeded_order(exact, seed, str)
    by_seed.sort(key=lambda name: wanted[name] - exact[name])
    for name in by_seed[: max(0, total - sum(wanted.values()))]:
        wanted[name] += 1
    return {stratum.name: wanted.get(stratum.name, 0) for stratum in strata}


def _fill(groups: Sequence[str], sizes: Mapping[str, int], wanted: int) -> list[str]:
    """Groups in order that together do not exceed `wanted`; at least one, and never all.

    Where even the smallest is larger than wanted, the smallest is taken.
    """
    if wanted == 0 or len(groups) < 2:
        return []
    chosen: list[str] = []
    room = wanted
    for group in groups:
        if sizes[group] <= room and len(chosen) < len(groups) - 1:
            chosen.append(group)
            room -= sizes[group]
    return chosen or [min(groups, key=lambda group: (sizes[group], group))]
