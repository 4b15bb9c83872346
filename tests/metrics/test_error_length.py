"""Errors by length of the question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.records import Record
from medadapt.metrics.error_length import MOST_BINS, error_length


def asked(length: int) -> Record:
    return Record(id="r", source_row=1, group="g", question="x" * length, answer="rest")


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_bins_add_up_to_all_records_and_to_the_errors(rows):
    marks = {
        name: np.array([float(row[place]) for row in rows]) for place, name in ((1, "baseline"), (2, "tuned"))
    }
    found = error_length([asked(length) for length, _, _ in rows], marks)
    assert sum(found["all"]) == len(rows)
    for name, some in marks.items():
        assert sum(found[name]) == int((some == 0).sum())
        assert len(found[name]) == len(found["edges"]) - 1 <= MOST_BINS
        assert all(wrong <= every for wrong, every in zip(found[name], found["all"], strict=True))
    assert (
        found["edges"][0] <= min(row[0] for row in rows) <= max(row[0] for row in rows) <= found["edges"][-1]
    )
    assert found["edges"] == sorted(set(found["edges"]))


def test_a_length_on_an_edge_is_in_the_bin_above_it():
    found = error_length([asked(k) for k in (10, 20, 30)], {"tuned": np.array([1.0, 0.0, 0.0])})
    assert found == {
        "unit": "characters of the question",
        "edges": [10, 17, 24, 31],
        "all": [1, 1, 1],
        "tuned": [0, 1, 1],
    }


@pytest.mark.parametrize("count", [1, 7])
def test_questions_of_one_length_make_one_bin(count):
    found = error_length([asked(9)] * count, {"tuned": np.zeros(count)})
    assert (found["edges"], found["tuned"]) == ([9, 10], [count])
