"""Silence and truncation are counted."""

from __future__ import annotations

from dataclasses import replace

from medadapt.metrics.rates import rates


def test_empty_answers_are_counted_as_empty_and_unparsed(diagnoses, predict):
    records = diagnoses(["flu"] * 10)
    texts = ["", "  ", "\n", "what?", *["flu"] * 6]
    found = rates(predict(records, texts=texts, parsed=[None] * 4 + ["flu"] * 6), "diagnosis")
    assert found == {"unparsed": 0.4, "empty": 0.3, "truncated": 0.0}


def test_without_written_answers_the_rates_are_null_with_a_reason(diagnoses, predict):
    found = rates(predict(diagnoses(["flu"])), "diagnosis")
    assert (found["unparsed"], found["empty"]) == (None, None)
    assert found["reason"]


def test_open_answers_are_not_parsed_but_can_be_empty(diagnoses, predict):
    found = rates(predict(diagnoses(["x", "y"]), texts=["", "rest"]), "qa")
    assert (found["unparsed"], found["empty"]) == (None, 0.5)


def test_truncated_prompts_are_counted(diagnoses, predict):
    rows = predict(diagnoses(["flu"] * 4))
    assert rates([replace(rows[0], truncated=True), *rows[1:]], "diagnosis")["truncated"] == 0.25
