from __future__ import annotations

import csv
import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.records.reading.delimited import MANY_UNCLOSED, REACH, read_delimited
from medadapt.records.rows import FilePlace, RawRow


def rows_of(text: str, *, tab: bool = False, repairs: Counter[str] | None = None) -> list[RawRow]:
    found = Counter() if repairs is None else repairs
    return list(read_delimited(text, FilePlace(name="t.csv"), tab=tab, repairs=found))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(mark: str) -> None:
    rows = rows_of(f"a{mark}b{mark}c\n1{mark}2{mark}3\n")
    assert rows[0].values == {"a": "1", "b": "2", "c": "3"}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("sep=;\na;b\n1;2\n", {"a": "1", "b": "2"}),
        ('"sep=|"\r\na|b\r\n1,2|3,4\r\n', {"a": "1,2", "b": "3,4"}),
        ("question (short, long);answer\none;two\n", {"question (short, long)": "one", "answer": "two"}),
        ('"question\n(EN)";"answer"\none;two, three\n', {"question\n(EN)": "one", "answer": "two, three"}),
        ("a;b,c\n1,2\n3;4,5\n", {"a;b": "1", "c": "2"}),
        (
            "Disease,Symptoms (a; b)\nFlu,cough; fever,\nCold,cough; sneezing,\n",
            {"Disease": "Flu", "Symptoms (a; b)": "cough; fever"},
        ),
        (
            "Alter;Gewicht (kg, ca.);Diagnose\n45;70,5;Grippe;\n50;81,0;Husten;\n",
            {"Alter": "45", "Gewicht (kg, ca.)": "70,5", "Diagnose": "Grippe"},
        ),
        ("\n\n\n\n\na;b\n1;2\n", {"a": "1", "b": "2"}),
    ],
)
def test_the_delimiter_is_named_or_found_in_the_first_records(text: str, values: dict[str, str]) -> None:
    assert rows_of(text)[0].values == values


def test_lines_are_counted_with_the_one_that_names_the_delimiter() -> None:
    assert rows_of("sep=;\na;b\n1;2;3\n")[0].fault == "t.csv:3: 3 fields instead of 2"


def test_a_file_whose_rows_differ_is_cut_as_its_header() -> None:
    assert [row.fault is None for row in rows_of("a,b,c\n1;2\n3,4,5\n6;7,8\n9;\n")] == [
        False,
        True,
        False,
        False,
    ]


def test_a_tsv_keeps_commas_in_its_header() -> None:
    assert rows_of("a,b,c\td\n1\t2\n", tab=True)[0].values == {"a,b,c": "1", "d": "2"}


def test_a_quoted_newline_stays_in_its_cell_and_rows_are_numbered_by_row() -> None:
    rows = rows_of('a,b\n"one\ntwo",2\n3,4\n')
    assert [row.source_row for row in rows] == [1, 2]
    assert rows[0].values["a"] == "one\ntwo"


def test_a_short_row_has_a_fault_that_names_its_line_and_the_missing_columns() -> None:
    rows = rows_of('a,b,c\n"x\ny",2,3\n1,2\n')
    assert rows[1].fault == "t.csv:4: 2 fields instead of 3"
    assert rows[1].missing == ("c",)


def test_a_long_row_has_a_fault_but_empty_fields_at_its_end_are_ignored() -> None:
    repairs: Counter[str] = Counter()
    rows = rows_of("a,b\n1,2,3\n1,2,,\n", repairs=repairs)
    assert rows[0].fault == "t.csv:2: 3 fields instead of 2"
    assert rows[0].raw == ["1", "2", "3"]
    assert rows[1].fault is None
    assert repairs["empty fields at the end of a row ignored"] == 1


def test_a_repeated_header_is_a_fault() -> None:
    rows = rows_of("a,b\n1,2\n a,b \n3,4\n")
    assert [row.fault for row in rows] == [None, "t.csv:3: the header once more", None]


def test_a_quote_that_is_never_closed_costs_one_line_only() -> None:
    rows = rows_of('a,b\n1,2\n"open,3\n4,5\n6,7\n')
    assert [row.fault is None for row in rows] == [True, False, True, True]
    assert "never closed" in str(rows[1].fault)
    assert rows[3].values == {"a": "6", "b": "7"}


def test_many_quotes_that_are_never_closed_cost_their_lines_only() -> None:
    # A quote inside a bare cell is a character; one at a cell's start opens a cell that nothing closes.
    many = 10 * MANY_UNCLOSED
    rows = rows_of("a,b\n" + 'a 5" needle,"yes\n7,8\n' * many)
    assert len(rows) == 2 * many
    assert [row.fault is None for row in rows] == [False, True] * many
    assert {row.values["b"] for row in rows[1::2]} == {"8"}


def test_before_them_a_cell_of_many_lines_is_one_cell() -> None:
    long = "line\n" * (3 * REACH)
    rows = rows_of(f'a,b\n1,"{long}"\n' + 'a 5" needle,"yes\n7,8\n' * (2 * MANY_UNCLOSED))
    assert rows[0].values == {"a": "1", "b": long}


def test_a_last_line_of_one_quote_is_not_lost() -> None:
    assert len(rows_of('a\n1\n"')) == 2


def test_blank_lines_are_no_rows() -> None:
    assert len(rows_of("a,b\n\n1,2\n\n")) == 1


def test_a_cell_beyond_the_default_limit_is_read() -> None:
    assert len(rows_of(f"a,b\n{'x' * 200_000},2\n")[0].values["a"]) == 200_000


def test_repeated_and_empty_column_names_are_told_apart() -> None:
    assert list(rows_of("x,x,,x.1\n1,2,3,4\n")[0].values) == ["x", "x.1", "Unnamed: 2", "x.1.1"]


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_an_error(text: str) -> None:
    with pytest.raises(DataError, match="is empty"):
        rows_of(text)


CELL = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029âÂÃÎÏÄÅ") | st.just("\n")
)


@given(st.lists(st.tuples(CELL, CELL), max_size=8))
def test_what_a_csv_writer_wrote_is_read_back(cells: list[tuple[str, str]]) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["first", "second"])
    writer.writerows(cells)
    rows = rows_of(file.getvalue())
    assert [tuple(row.values.values()) for row in rows] == cells


@given(st.text(alphabet='ab,"\n\r', max_size=60))
def test_no_text_stops_the_reader(text: str) -> None:
    rows = rows_of("a,b\n" + text)
    assert [row.source_row for row in rows] == list(range(1, len(rows) + 1))


def test_rows_between_two_open_quotes_stay_rows_of_their_own() -> None:
    rows = rows_of('a,b\nQ1,"A1\nQ2,A2\nQ3,A3\nQ4,"A4\nQ5,A5\n')
    assert [row.fault is None for row in rows] == [False, True, True, False, True]
    assert [row.values["b"] for row in rows if row.fault is None] == ["A2", "A3", "A5"]


def test_many_pairs_of_open_quotes_cost_their_lines_only() -> None:
    many = 10 * MANY_UNCLOSED
    rows = rows_of("a,b\n" + 'Q,"A\n7,8\n' * many)
    assert [row.fault is None for row in rows] == [False, True] * many


def test_a_quote_within_the_words_of_a_long_cell_is_forgiven() -> None:
    rows = rows_of('a,b\n"one\nhe said "no" again, twice",2\n"three\n""four""",5\n')
    assert [row.fault is None for row in rows] == [False, True]
    assert rows[1].values == {"a": 'three\n"four"', "b": "5"}
