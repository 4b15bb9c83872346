from __future__ import annotations

from typing import Any

from medadapt.core.records import Record
from medadapt.records.likeness.duplicates import drop_duplicates, input_key, input_text
from medadapt.records.rows import Draft, RawRow


def record(identity: str = "r", **fields: Any) -> Record:
    return Record(
        **{"id": identity, "source_row": 1, "group": "", "question": "What?", "answer": "a", **fields}
    )


def draft(identity: str, **fields: Any) -> Draft:
    row = RawRow(file="f", source_row=identity, values={"id": identity}, id=identity)
    return Draft(record=record(identity, **fields), row=row)


def test_the_input_holds_history_context_and_question_but_no_answer() -> None:
    turns = [{"role": "user", "content": "Earlier"}]
    text = input_text(record(history=turns, context="Passage", answer="secret", options=["secret", "b"]))
    assert text == "earlier | passage | what"


def test_symptoms_are_a_set() -> None:
    assert input_text(record(meta={"symptoms": ["b", "a"]})) == input_text(
        record(meta={"symptoms": ["A", "b"]})
    )


def test_options_tell_inputs_apart_whatever_their_order() -> None:
    assert input_key(record(options=["x", "y"])) == input_key(record(options=["y", "X"]))
    assert input_key(record(options=["x", "y"])) != input_key(record(options=["x", "z"]))


def test_the_first_of_equal_rows_is_kept_and_order_stays() -> None:
    drafts = [draft("b"), draft("x", question="Other"), draft("a", question="what"), draft("c")]
    kept, dropped = drop_duplicates(drafts, "qa")
    assert [one.record.id for one in kept] == ["b", "x"]
    assert {row.id: row.detail for row in dropped} == {"a": "b", "c": "b"}


def test_different_answers_stay_in_open_tasks_and_go_in_closed_ones() -> None:
    drafts = [draft("1"), draft("2", answer="b"), draft("3"), draft("4", question="Other")]
    kept, dropped = drop_duplicates(drafts, "qa")
    assert [one.record.id for one in kept] == ["1", "2", "4"]
    kept, dropped = drop_duplicates(drafts, "diagnosis")
    assert [one.record.id for one in kept] == ["4"]
    assert {row.reason for row in dropped} == {"conflicting_duplicate"}
    assert next(row for row in dropped if row.id == "2").detail.endswith("1 (a), 3 (a)")
