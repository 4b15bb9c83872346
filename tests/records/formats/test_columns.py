"""Columns that the recipe names are read, or refused."""

from __future__ import annotations

import json

import pytest

from medadapt.core.errors import DataError
from medadapt.core.recipe import RECOGNISED_COLUMNS
from medadapt.core.recipe_rules import FORMATS_OF_KEY
from medadapt.samples import SAMPLE_OF_FORMAT

FORMATS = tuple(SAMPLE_OF_FORMAT)
READ = [
    (data_format, key)
    for data_format in FORMATS
    for key in RECOGNISED_COLUMNS
    if data_format in FORMATS_OF_KEY.get(f"data.columns.{key}", FORMATS)
]


@pytest.mark.parametrize(("data_format", "key"), READ)
def test_every_column_key_that_the_recipe_allows_is_looked_up(prepared, data_format: str, key: str) -> None:
    source = f"sample:rows/{SAMPLE_OF_FORMAT[data_format]}"
    with pytest.raises(DataError, match=rf"no column 'nowhere', which data\.columns\.{key} names"):
        prepared(None, source=source, format=data_format, columns={key: "nowhere"})


def test_a_named_explanation_is_used_beside_a_verdict(prepared) -> None:
    rows = [
        {
            "QUESTION": f"Does {name} help?",
            "CONTEXTS": [name],
            "final_decision": "yes",
            "why": f"It does {name}",
        }
        for name in ("rest", "ice cream", "a walk", "deep sleep")
    ]
    text = json.dumps({str(number): row for number, row in enumerate(rows)})
    result = prepared(text, "ori.json", format="multiple_choice", columns={"explanation": "why"})
    assert [record.explanation for record in result.records] == [row["why"] for row in rows]


def test_a_named_answer_goes_before_an_index_that_is_only_guessed(prepared) -> None:
    rows = [
        {"question": question, "options": ["one", "two", "three"], "cop": 0, "revised": "two"}
        for question in ("Why rest?", "How much water?", "When to walk?", "Who sleeps deeply?")
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    result = prepared(text, "t.jsonl", format="multiple_choice", columns={"answer": "revised"})
    assert {record.answer for record in result.records} == {"two"}
