from __future__ import annotations

from medadapt.core.records import Record
from medadapt.records.likeness.groups import group_rule, with_groups


def records(*rows: tuple[str, str]) -> list[Record]:
    """(document, question) -> records."""
    return [
        Record(id=f"r{n}", source_row=n, group=document, question=question, answer=str(n))
        for n, (document, question) in enumerate(rows)
    ]


LONG = "which of these drugs is given first in acute gout of the big toe"


def groups_of(found: list[Record], rule) -> list[int]:
    names = [record.group for record in with_groups(found, rule)]
    return [names.index(name) for name in names]


def test_symptom_tables_are_grouped_by_equal_inputs_others_by_near_ones() -> None:
    assert group_rule("auto", "symptom_table") == "exact"
    assert group_rule("auto", "typed_qa") == "near"
    assert group_rule("none", "typed_qa") == "none"


def test_near_inputs_share_a_group() -> None:
    found = records(("", LONG), ("", LONG + "s"), ("", "Fever?"), ("", "fever"))
    assert groups_of(found, "near") == [0, 0, 2, 2]
    assert groups_of(found, "exact") == [0, 1, 2, 2]
    assert groups_of(found, "none") == [0, 1, 2, 3]


def test_documents_join_what_they_hold_in_chains() -> None:
    found = records(("d1", "one"), ("d1", "two"), ("d2", "two?"), ("d2", "three"), ("d3", "four"))
    assert groups_of(found, "near") == [0, 0, 0, 0, 4]


def test_a_group_is_named_after_its_content_not_its_place() -> None:
    found = records(("", LONG), ("", "Fever"), ("", LONG + "s"), ("d", "Cough"), ("d", "Sneeze"))
    there = {record.id: record.group for record in with_groups(found, "near")}
    back = {record.id: record.group for record in with_groups(found[::-1], "near")}
    assert there == back
