from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.core.recipe import SplitSection
from medadapt.core.records import Record
from medadapt.records.splits import split_records


def records(groups: list[str], labels: list[str] | None = None) -> list[Record]:
    return [
        Record(
            id=f"r{n}",
            source_row=n,
            group=group,
            question="q",
            answer="a",
            label=labels[n] if labels else None,
        )
        for n, group in enumerate(groups)
    ]


def split(
    found: list[Record], *, test: float = 0.1, validation: float = 0.1, seed: int = 0, pool: bool = False
):
    shares = SplitSection(train=1 - test - validation, validation=validation, test=test)
    strata = {record.id: record.label or "" for record in found} if found and found[0].label else None
    return split_records(found, shares, seed=seed, stratify_by=strata, pool_single=pool)


GROUPS = st.lists(st.integers(0, 30), min_size=2, max_size=120).map(
    lambda numbers: [f"g{n}" for n in numbers]
)


@given(GROUPS, st.integers(0, 5))
def test_no_group_is_torn_and_no_record_lost(groups: list[str], seed: int) -> None:
    found = records(groups)
    if len(set(groups)) < 2:
        with pytest.raises(DataError):
            split(found, seed=seed)
        return
    parts = split(found, seed=seed)
    assert Counter(r.id for part in parts.values() for r in part) == Counter(r.id for r in found)
    homes = [{r.group for r in part} for part in parts.values()]
    assert sum(map(len, homes)) == len(set(groups))
    assert parts["train"]
    assert parts["test"]


@given(
    st.lists(st.tuples(st.integers(0, 15), st.sampled_from("ABCD")), min_size=2, max_size=80),
    st.integers(0, 3),
)
def test_every_label_with_two_groups_is_tested_and_trained(rows: list[tuple[int, str]], seed: int) -> None:
    found = records([f"{label}{group}" for group, label in rows], [label for _, label in rows])
    groups_of = {label: {r.group for r in found if r.label == label} for label in "ABCD"}
    if all(len(groups) < 2 for groups in groups_of.values()):
        return
    parts = split(found, seed=seed)
    tested, trained = ({r.label for r in parts[name]} for name in ("test", "train"))
    assert tested == {label for label, groups in groups_of.items() if len(groups) > 1}
    assert trained == {label for label, groups in groups_of.items() if groups}


def test_shares_are_met_exactly_with_groups_of_one() -> None:
    parts = split(records([f"g{n}" for n in range(1000)]), test=0.2, validation=0.05)
    assert {name: len(part) for name, part in parts.items()} == {"train": 750, "validation": 50, "test": 200}


def test_labels_keep_their_shares() -> None:
    labels = ["A"] * 60 + ["B"] * 30 + ["C"] * 10
    parts = split(records([f"g{n}" for n in range(100)], labels), test=0.2, validation=0.1)
    assert Counter(r.label for r in parts["test"]) == {"A": 12, "B": 6, "C": 2}
    assert Counter(r.label for r in parts["validation"]) == {"A": 6, "B": 3, "C": 1}


def test_a_split_does_not_depend_on_the_order_of_rows() -> None:
    found = records([f"g{n // 3}" for n in range(90)])
    there = {r.id: name for name, part in split(found).items() for r in part}
    back = {r.id: name for name, part in split(found[::-1]).items() for r in part}
    assert there == back


def test_another_seed_gives_another_split() -> None:
    found = records([f"g{n}" for n in range(100)])
    assert [r.id for r in split(found, seed=1)["test"]] != [r.id for r in split(found, seed=2)["test"]]


def test_ten_rows_give_a_test_record_and_no_validation_where_none_is_asked() -> None:
    parts = split(records([f"g{n}" for n in range(10)]), test=0.1, validation=0.0)
    assert (len(parts["test"]), len(parts["validation"])) == (1, 0)


def test_a_group_larger_than_the_test_share_stays_in_train_where_others_fit() -> None:
    parts = split(records(["big"] * 90 + [f"g{n}" for n in range(10)]))
    assert all(r.group != "big" for r in parts["test"])
    assert len(parts["test"]) > 0


def test_strata_of_one_group_are_pooled_for_open_questions() -> None:
    found = records([f"g{n}" for n in range(10)], [f"type {n}" for n in range(10)])
    assert len(split(found, pool=True)["test"]) == 1
    with pytest.raises(DataError, match="No record is left to test on"):
        split(found)
