"""Ids: the source's own where they tell rows apart, else the row's place; a named column is never dropped."""

from __future__ import annotations

import pytest

from medadapt.core.errors import DataError
from medadapt.records.rows import RawRow, with_ids


def rows(*ids: object, column: str = "pid") -> list[RawRow]:
    return [
        RawRow(file="a.csv", source_row=number, values={column: identity, "text": "x"})
        for number, identity in enumerate(ids, 1)
    ]


def test_a_named_column_gives_the_ids() -> None:
    assert [row.id for row in with_ids(rows("p1", 2, " p3 "), " PID ")] == ["p1", "2", "p3"]


def test_a_named_column_that_repeats_an_id_is_an_error_with_both_rows() -> None:
    with pytest.raises(DataError, match=r"'pid' cannot name the rows: 'p1' stands in row 1 and in row 3"):
        with_ids(rows("p1", "p2", " p1"), "pid")


@pytest.mark.parametrize("empty", ["", " ", None, 1.5, ["p2"]])
def test_a_named_column_with_an_empty_cell_is_an_error_with_its_row(empty: object) -> None:
    with pytest.raises(DataError, match="row 2 has no text or whole number there"):
        with_ids(rows("p1", empty), "pid")


def test_an_all_empty_named_column_is_an_error() -> None:
    with pytest.raises(DataError, match="row 1 has no text"):
        with_ids(rows("", ""), "pid")


def test_rows_that_could_not_be_read_need_no_id() -> None:
    broken = RawRow(file="a.csv", source_row=2, values={}, fault="broken")
    assert [row.id for row in with_ids([*rows("p1"), broken], "pid")] == ["p1", "row-2"]


@pytest.mark.parametrize("second", ["p1", ""])
def test_a_guessed_column_gives_way_to_the_place(second: str) -> None:
    assert [row.id for row in with_ids(rows("p1", second, column="ID"), None)] == ["row-1", "row-2"]
