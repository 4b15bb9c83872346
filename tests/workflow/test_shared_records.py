"""Which test records two runs share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from measured_runs import diagnoses
from medadapt.workflow.shared_records import content_sha256, shared_records


def test_equal_test_sets_are_shared_whole():
    records = diagnoses(["Flu", "Cold"])
    found = shared_records(records, records)
    assert found.is_all
    assert [record.id for record in found.records] == [record.id for record in records]


def test_records_in_another_order_are_matched_by_id():
    records = diagnoses(["Flu", "Cold", "Flu"])
    found = shared_records(records, records[::-1])
    assert found.is_all
    assert (found.first, found.second) == ([0, 1, 2], [2, 1, 0])


def test_what_only_one_run_has_and_what_was_changed_is_counted():
    records = diagnoses(["Flu", "Cold", "Flu", "Cold"])
    other = [records[3], replace(records[1], question="another"), *diagnoses(["Flu"] * 3, start=7)]
    found = shared_records(records, other)
    assert [record.id for record in found.records] == ["t0003"]
    assert (found.only_first, found.only_second, found.changed) == (2, 3, 1)
    assert not found.is_all


@pytest.mark.parametrize(
    "change",
    [
        {"question": "other"},
        {"context": "other"},
        {"options": ["a", "b"]},
        {"answer": "other"},
        {"label": "other"},
        {"answer_index": 1},
        {"history": [{"role": "user", "content": "hello"}]},
    ],
)
def test_all_that_is_asked_or_counts_as_right_is_content(change):
    (record,) = diagnoses(["Flu"])
    assert content_sha256(replace(record, **change)) != content_sha256(record)


def test_where_a_row_stood_and_how_it_was_grouped_is_no_content():
    (record,) = diagnoses(["Flu"])
    assert content_sha256(replace(record, source_row=99, group="other", meta={"a": 1})) == content_sha256(
        record
    )


def test_records_that_either_run_keeps_together_are_one_group():
    first = diagnoses(["Flu"] * 5, groups=["a", "a", "b", "c", "d"])
    second = diagnoses(["Flu"] * 5, groups=["v", "w", "w", "x", "y"])
    groups = [record.group for record in shared_records(first, second).records]
    assert groups[0] == groups[1] == groups[2]
    assert len({groups[0], groups[3], groups[4]}) == 3


def test_test_sets_without_a_common_record_share_nothing():
    found = shared_records(diagnoses(["Flu"]), diagnoses(["Flu"], start=5))
    assert (found.records, found.only_first, found.only_second) == ([], 1, 1)
