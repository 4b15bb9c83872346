from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.core.files import to_json
from medadapt.records.reading.json_rows import read_json, read_json_lines
from medadapt.records.rows import FilePlace, RawRow


def document(text: str) -> list[RawRow]:
    return list(read_json(text, FilePlace(name="t.json"), repairs=Counter()))


def lines(text: str) -> list[RawRow]:
    return list(read_json_lines(text, FilePlace(name="t.jsonl"), repairs=Counter()))


def test_a_list_of_objects_keeps_its_order() -> None:
    assert [row.values["q"] for row in document('[{"q": "b"}, {"q": "a"}]')] == ["b", "a"]


def test_objects_keyed_by_id_carry_their_key_as_id() -> None:
    rows = document('{"z9": {"q": "x"}, "a1": {"q": "y"}}')
    assert [(row.source_row, row.values["id"]) for row in rows] == [(1, "z9"), (2, "a1")]


def test_an_id_that_stands_twice_loses_no_row() -> None:
    assert [row.values["q"] for row in document('{"1": {"q": "x"}, "1": {"q": "y"}}')] == ["x", "y"]


@pytest.mark.parametrize(
    "text",
    ['{"q": {"3": "x", "7": "z"}, "a": {"3": 1, "7": null}}', '{"q": ["x", "z"], "a": [1, null]}'],
)
def test_columns_give_the_rows_of_their_records(text: str) -> None:
    assert document(text) == document('[{"q": "x", "a": 1}, {"q": "z", "a": null}]')


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"q": ["x", "z"], "a": [1]}', [{"q": ["x", "z"], "a": [1]}]),
        ('{"messages": ["x", "z"]}', [{"messages": ["x", "z"]}]),
        ('{"0": {"q": "x"}, "1": {"q": "z"}}', [{"id": "0", "q": "x"}, {"id": "1", "q": "z"}]),
        ('{"0": {}, "1": {}}', [{"id": "0"}, {"id": "1"}]),
    ],
)
def test_what_may_be_a_row_or_rows_by_id_is_not_taken_for_columns(
    text: str, values: list[dict[str, object]]
) -> None:
    assert [row.values for row in document(text)] == values


def test_json_lines_in_a_json_file_are_read() -> None:
    assert [row.values["q"] for row in document('{"q": 1}\n{"q": 2}\n')] == [1, 2]


def test_a_json_list_in_a_jsonl_file_is_read() -> None:
    assert [row.values["q"] for row in lines('[\n{"q": 1},\n{"q": 2}]')] == [1, 2]


def test_lists_as_lines_are_rows_with_a_fault() -> None:
    assert [row.fault for row in lines("[1]\n[2]\n")] == ["t.jsonl:1: no object", "t.jsonl:2: no object"]


@pytest.mark.parametrize("entry", ["3", "null", '"text"', "[1]"])
def test_an_entry_that_is_no_object_is_a_row_with_a_fault(entry: str) -> None:
    rows = document(f'[{{"q": 1}}, {entry}]')
    assert rows[1].fault == "t.json: entry 2: no object"
    assert rows[1].dropped("unparsed_row", "").row is not None


def test_a_broken_line_is_a_row_with_a_fault_that_names_it() -> None:
    rows = lines('{"q": 1}\n\n{"q": \n{"q": 3}\n')
    assert [row.source_row for row in rows] == [1, 2, 3]
    assert str(rows[1].fault).startswith("t.jsonl:3: no JSON")


def test_a_row_in_which_a_key_stands_twice_is_not_guessed_at() -> None:
    assert lines('{"answer": "A", "answer": "B"}')[0].fault == "t.jsonl:1: the key 'answer' stands twice"


def test_a_line_separator_inside_a_text_is_no_line_end() -> None:
    (row,) = lines('{"q": "one\u2028two"}\n')
    assert row.values["q"] == "one\ntwo"


def test_a_truncated_document_is_an_error_with_its_place() -> None:
    with pytest.raises(DataError, match=r"t\.json:1:\d+"):
        document('[{"q": 1}, {"q"')


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(DataError, match=r"nested|recursion"):
        document("[" * 100_000)
    assert lines('{"q": ' + "[" * 60 + "]" * 60 + "}")[0].fault is not None


def test_numbers_that_are_no_json_become_empty() -> None:
    assert lines('{"a": NaN, "b": 1e999, "c": "\\ud800"}')[0].values == {"a": None, "b": None, "c": "\ufffd"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(JSON, max_size=5))
def test_any_json_gives_as_many_rows_as_entries_and_strict_json_again(entries: list[object]) -> None:
    rows = document(json.dumps(entries))
    assert len(rows) == len(entries)
    for row in rows:
        to_json(row.dropped("unparsed_row", "")).encode("utf-8")


@given(st.text(max_size=80))
def test_no_text_stops_the_reader_of_lines(text: str) -> None:
    try:
        rows = lines(text)
    except DataError:
        return
    assert [row.source_row for row in rows] == list(range(1, len(rows) + 1))
