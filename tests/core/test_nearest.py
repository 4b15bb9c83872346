from __future__ import annotations

import pytest

from medadapt.core.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("word", "name"), [("dataset.CSV", "Dataset.csv"), ("rnak", "rank"), ("RANK", "rank"), ("seed", None)]
)
def test_the_nearest_name_is_found_in_any_case_and_none_where_nothing_is_like_it(word: str, name: str | None):
    assert nearest(word, ["rank", "alpha", "Dataset.csv"]) == name


def test_a_suggestion_ends_a_sentence_and_its_absence_adds_nothing():
    assert did_you_mean("rnak", ["rank"]) == "; did you mean 'rank'?"
    assert did_you_mean("zzz", ["rank"]) == ""
