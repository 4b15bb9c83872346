"""Length and repetition of written answers."""

from __future__ import annotations

import pytest

from medadapt.core.records import Record
from medadapt.metrics.answer_shape import answer_shape


@pytest.fixture
def shape(predict):
    def build(answers, references):
        test = [
            Record(id=str(k), source_row=k, group=str(k), question="?", answer=wanted)
            for k, wanted in enumerate(references)
        ]
        return answer_shape(test, predict(test, texts=answers))

    return build


def test_the_ratio_is_of_all_words_written_to_all_words_wanted(shape):
    assert shape(["a b c d", "", None], ["a b", "c d e f", "g h"])["length_ratio"] == 4 / 8


def test_an_answer_with_the_same_four_words_three_times_repeats_itself(shape):
    loop = "take it with water " * 3
    found = shape([loop, "take it with water " * 2, "no no no no no no", ""], ["x"] * 4)
    assert found["repetitive"] == 2 / 4


def test_references_without_words_give_no_ratio(shape):
    found = shape(["a"], [" "])
    assert found["length_ratio"] is None
    assert found["reason"]
