"""How well passages are found."""

from __future__ import annotations

import pytest

from medadapt.core.records import Record
from medadapt.retrieval.index import Found
from medadapt.retrieval.passages import Passage
from medadapt.retrieval.quality import first_helpful, search_quality


def passages(*texts):
    return [Found(passage=Passage(id="p", title="", text=text), score=1.0) for text in texts]


def record(**values):
    return Record(**{"id": "r", "source_row": 1, "group": "g", "question": "q", "answer": ""} | values)


@pytest.mark.parametrize(
    ("values", "texts", "rank"),
    [
        ({"label": "Gastric ulcer", "answer": "Gastric ulcer"}, ["ulcer", "A GASTRIC ulcer, maybe"], 2),
        ({"label": "Flu", "answer": "Flu"}, ["influenza", "fluid"], None),
        ({"options": ["No", "Yes"], "answer_index": 1, "answer": "Yes"}, ["yes"], 1),
        ({"answer": "Rest and drink warm water"}, ["rest and", "drink water and rest"], 2),
        ({"answer": "the of and"}, ["the of and"], None),
    ],
)
def test_a_passage_helps_that_says_the_answer(values, texts, rank):
    assert first_helpful(record(**values), passages(*texts)) == rank


def test_recall_and_reciprocal_rank_of_known_ranks():
    found = search_quality([1, 2, None, 10], [1, 3, 10])
    assert found.recall == {1: 0.25, 3: 0.5, 10: 0.75}
    assert found.mean_reciprocal_rank == pytest.approx((1 + 0.5 + 0 + 0.1) / 4)
