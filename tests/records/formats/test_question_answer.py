from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from medadapt.core.errors import DataError

PAIRS = [
    ("What is gout?", "A disease of crystals in joints."),
    ("Where is the spleen?", "In the upper left belly."),
    ("Who gets scurvy?", "People who lack vitamin C."),
]


def rows(question: str, answer: str, **more: Any) -> str:
    return json.dumps([{question: q, answer: a, **more} for q, a in PAIRS])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("question", "answer"),
        ("Question", "Answer"),
        ("question", "response"),
        ("input", "output"),
        ("instruction", "output"),
        ("prompt", "completion"),
        ("query", "response"),
    ],
)
def test_usual_pairs_of_columns_are_recognised(prepared: Callable[..., Any], question: str, answer: str):
    result = prepared(rows(question, answer), "rows.json", format="question_answer")

    assert [(record.question, record.answer) for record in result.records] == PAIRS


def test_any_two_columns_are_read_when_named(prepared: Callable[..., Any]):
    content = rows("frage", "antwort", context="On gout, spleens and scurvy.")
    columns = {"question": "frage", "answer": "antwort"}

    result = prepared(content, "rows.json", format="question_answer", columns=columns)

    assert [(record.question, record.answer) for record in result.records] == PAIRS
    assert {record.context for record in result.records} == {"On gout, spleens and scurvy."}


def test_instruction_and_empty_input_is_a_question(prepared: Callable[..., Any]):
    content = json.dumps([{"instruction": q, "input": "", "output": a} for q, a in PAIRS])

    assert [r.question for r in prepared(content, "r.json", format="question_answer").records] == [
        q for q, _ in PAIRS
    ]


def test_prompts_and_completions_of_one_message_are_read(prepared: Callable[..., Any]):
    content = json.dumps(
        [
            {"prompt": [{"role": "user", "content": q}], "completion": [{"role": "assistant", "content": a}]}
            for q, a in PAIRS
        ]
    )

    result = prepared(content, "r.json", format="question_answer")

    assert [(record.question, record.answer) for record in result.records] == PAIRS


def test_several_turns_are_left_to_the_format_dialogue(prepared: Callable[..., Any]):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi"}]
    content = json.dumps([*json.loads(rows("prompt", "completion")), {"prompt": turns, "completion": "x"}])

    (dropped,) = prepared(content, "r.json", format="question_answer").dropped

    assert dropped["reason"] == "unparsed_row"
    assert "use format dialogue" in dropped["detail"]


def test_rows_without_question_or_answer_are_dropped(prepared: Callable[..., Any]):
    content = json.dumps(
        [
            *json.loads(rows("question", "answer")),
            {"question": "", "answer": "x"},
            {"question": "What is asthma?", "answer": None},
            {"question": "What is asthma?", "answer": "what is ASTHMA"},
        ]
    )

    result = prepared(content, "r.json", format="question_answer")

    assert result.reasons == {4: "empty_question", 5: "empty_answer", 6: "empty_answer"}


def test_questions_are_tidied_and_those_of_several_lines_keep_them(prepared: Callable[..., Any]):
    content = json.dumps(
        [
            *json.loads(rows("question", "answer")),
            {"question": "What  is asthma ?", "answer": "A disease."},
            {"question": "Two lines:\nis it so?", "answer": "Yes."},
        ]
    )

    questions = [record.question for record in prepared(content, "r.json", format="question_answer").records]

    assert questions[3:] == ["What is asthma?", "Two lines:\nis it so?"]


def test_aliases_replace_answers(prepared: Callable[..., Any]):
    content = json.dumps([{"question": q, "answer": "y"} for q, _ in PAIRS])

    result = prepared(content, "r.json", format="question_answer", aliases={"Y": "yes"})

    assert {record.answer for record in result.records} == {"yes"}


def test_unknown_columns_are_refused_with_their_names(prepared: Callable[..., Any]):
    with pytest.raises(
        DataError, match="question_answer needs a column for the question; the columns are 'a', 'b'"
    ):
        prepared(json.dumps([{"a": "x", "b": "y"}]), "r.json", format="question_answer")


def test_a_column_named_as_the_question_is_no_context_too(prepared: Callable[..., Any]):
    content = json.dumps([{"Context": q, "Response": a} for q, a in PAIRS])
    columns = {"question": "Context", "answer": "Response"}

    records = prepared(content, "r.json", format="question_answer", columns=columns).records

    assert [(record.question, record.context) for record in records] == [(q, None) for q, _ in PAIRS]


ALPACA = [
    *({"instruction": q, "input": "", "output": a} for q, a in PAIRS),
    {"instruction": "Sum up the case.", "input": "A man of 80 fell.", "output": "A fall."},
]


def test_an_instruction_before_the_few_rows_with_an_input_belongs_to_them(prepared: Callable[..., Any]):
    result = prepared(json.dumps(ALPACA), "r.json", format="question_answer")

    assert result.records[-1].question == "Sum up the case.\n\nA man of 80 fell."
    assert "instructions" not in result.facts


def test_an_instruction_that_most_rows_have_is_kept_once_though_some_rows_are_asked_by_theirs(
    prepared: Callable[..., Any],
):
    others = [{"instruction": "Answer.", "input": q, "output": a} for q, a in PAIRS]
    content = json.dumps([*others, {"instruction": "What is asthma?", "input": "", "output": "A disease."}])

    result = prepared(content, "r.json", format="question_answer")

    assert [record.question for record in result.records] == [*(q for q, _ in PAIRS), "What is asthma?"]
    assert result.facts["instructions"] == ["Answer."]
