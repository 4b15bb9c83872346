from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from medadapt.records.cleaning.empty_cells import emptied
from medadapt.records.rows import RawRow


def row(**values: Any) -> RawRow:
    return RawRow(file="f", source_row=1, values=values)


@pytest.mark.parametrize("cell", ["nan", "NaN", " null ", "NULL", "#N/A", "<NA>", "#REF!", "#DIV/0!"])
def test_a_cell_that_says_nothing_is_empty_and_counted(cell: str):
    repairs: Counter[str] = Counter()

    (found,) = emptied([row(a=cell, b=["x", cell], c={"A": cell, "B": "y"}, d="nanogram")], repairs)

    assert found.values == {"a": None, "b": ["x", None], "c": {"A": None, "B": "y"}, "d": "nanogram"}
    assert found.raw["a"] == cell
    assert repairs == {"cells that say nothing made empty": 3}


@pytest.mark.parametrize("cell", ["None", "NA", "N/A", "none", "NAT", "#", 0, None])
def test_what_may_be_an_answer_stays(cell: Any):
    repairs: Counter[str] = Counter()
    rows = [row(a=cell)]

    assert emptied(rows, repairs) == rows
    assert not repairs


def test_a_word_that_the_aliases_explain_stays():
    rows = [row(a="nan")]

    assert emptied(rows, Counter(), kept=["NaN"]) == rows


def test_a_label_of_nan_is_no_label(prepared: Callable[..., Any]):
    text = "Disease,Symptom_1\nA,a\nA,b\nB,c\nB,d\nnan,e\n"

    result = prepared(text, format="symptom_table")

    assert result.reasons == {5: "unlabelled"}
    assert result.dropped[0]["row"] == {"Disease": "nan", "Symptom_1": "e"}
    assert result.facts["repairs"]["cells that say nothing made empty"] == 1


def test_a_fifth_option_of_nan_is_none(prepared: Callable[..., Any]):
    questions = (
        "Which vitamin prevents scurvy?",
        "Largest gland?",
        "Normal potassium?",
        "Carrier of malaria?",
    )
    options = {"opa": "w", "opb": "x", "opc": "y", "opd": "z", "ope": "nan"}
    rows = [{"question": question, **options, "cop": number} for number, question in enumerate(questions)]

    result = prepared(json.dumps(rows), "rows.json", format="multiple_choice")

    assert {len(record.options) for record in result.records} == {4}


def test_rows_without_a_group_are_not_joined(prepared: Callable[..., Any]):
    rows = [
        {"question": q, "answer": "x", "page": "nan"}
        for q in ("What is gout?", "Who gets scurvy?", "Is tea good?")
    ]

    result = prepared(json.dumps(rows), "rows.json", format="question_answer", columns={"group": "page"})

    assert result.facts["groups"] == 3
