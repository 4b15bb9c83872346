from __future__ import annotations

import json
from typing import Any

import pytest

from medadapt.core.errors import DataError

QUESTIONS = [
    "Which vitamin prevents scurvy",
    "Largest gland of the body",
    "Normal potassium",
    "Carrier of malaria",
]


def exam(number: int, **changed: Any) -> dict[str, Any]:
    row = {
        "id": f"q{number}", "question": QUESTIONS[number % 4] + "?" * (number // 4), "opa": f"a{number}",
        "opb": f"b{number}", "opc": f"c{number}", "opd": f"d{number}", "cop": number % 4,
        "choice_type": "single", "exp": f"Ans. is 'b' i.e., seen in {number}",
        "subject_name": "Medicine", "topic_name": None,
    }  # fmt: skip
    return row | changed


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


FOUR = [exam(number) for number in range(4)]


def test_medmcqa_rows_become_records(prepared) -> None:
    result = prepared(lines(*FOUR), "t.jsonl", format="multiple_choice")
    record = result.records[2]
    assert (record.id, record.options, record.answer_index, record.answer) == (
        "q2",
        ["a2", "b2", "c2", "d2"],
        2,
        "c2",
    )
    assert (record.subject, record.topic, record.explanation) == ("Medicine", None, "Seen in 2")
    assert result.facts["answer_base"] == 0


def test_named_columns_and_an_answer_of_another_spelling_stand_in_the_record(prepared) -> None:
    rows = [
        {"question": question, "options": ["ja", "nein"], "solution": " Jep", "case": f"Case {n}.", "field": "Eye",
         "chapter": "Retina"}
        for n, question in enumerate(QUESTIONS)
    ]  # fmt: skip
    columns = {"answer": "solution", "context": "case", "subject": "field", "topic": "chapter"}
    result = prepared(
        lines(*rows), "t.jsonl", format="multiple_choice", columns=columns, aliases={"jep": "ja"}
    )
    record = result.records[1]
    assert (record.context, record.subject, record.topic) == ("Case 1.", "Eye", "Retina")
    assert (record.answer, record.answer_index) == ("ja", 0)


def test_mirage_and_medmcqa_layouts_give_the_same_records_and_splits(prepared) -> None:
    rows = [exam(n, exp=None, subject_name=None, choice_type=None) for n in range(4)]
    keyed = {
        row["id"]: {
            "question": row["question"],
            "options": {letter: row[f"op{letter.lower()}"] for letter in "ABCD"},
            "answer": "ABCD"[row["cop"]],
        }
        for row in rows
    }
    medmcqa = prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    mirage = prepared(json.dumps(keyed), "t.json", format="multiple_choice")
    assert mirage.splits == medmcqa.splits


def test_a_fifth_option_is_used_where_the_row_has_one(prepared) -> None:
    rows = [exam(n, cop=n + 1, ope="") for n in range(3)] + [exam(3, cop=5, ope="e3")]
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    assert result.facts["answer_base"] == 1
    assert [len(record.options or []) for record in result.records] == [4, 4, 4, 5]
    assert [record.answer for record in result.records] == ["a0", "b1", "c2", "e3"]


def test_an_answer_that_names_an_empty_fifth_option_is_dropped(prepared) -> None:
    rows = [*[exam(n, cop=n + 1, ope="") for n in range(4)], exam(4, cop=5, ope="")]
    assert prepared(lines(*rows), "t.jsonl", format="multiple_choice").reasons == {5: "bad_options"}


@pytest.mark.parametrize("opc", ["", None, " a4 "])
def test_missing_and_equal_options_are_dropped(prepared, opc: str | None) -> None:
    result = prepared(lines(*FOUR, exam(4, opc=opc)), "t.jsonl", format="multiple_choice")
    assert result.reasons == {5: "bad_options"}


@pytest.mark.parametrize("cop", [-1, None, "", "-1"])
def test_a_row_without_answer_is_unlabelled(prepared, cop: Any) -> None:
    assert prepared(lines(*FOUR, exam(4, cop=cop)), "t.jsonl", format="multiple_choice").reasons == {
        5: "unlabelled"
    }


def test_an_answer_that_names_several_options_is_unlabelled(prepared) -> None:
    rows = [exam(number, cop="ABCD"[number]) for number in range(4)]
    result = prepared(lines(*rows, exam(4, cop="A,C")), "t.jsonl", format="multiple_choice")
    assert result.reasons == {5: "unlabelled"}


def test_only_another_choice_type_is_filtered_never_a_missing_one(prepared) -> None:
    rows = [*FOUR, exam(4, choice_type="multi"), exam(5, choice_type=None), exam(6, choice_type="Single")]
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice", choice_type="single")
    assert result.reasons == {5: "multi_choice"}


def test_medqa_usmle_is_read_by_letter(prepared) -> None:
    rows = [
        {"question": question, "answer": "two", "options": {"A": "one", "B": "two"}, "answer_idx": "B"}
        for question in QUESTIONS
    ]
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    assert {(record.answer, record.answer_index) for record in result.records} == {("two", 1)}


def test_a_letter_and_a_text_that_disagree_drop_the_row(prepared) -> None:
    rows = [
        {"question": question, "answer": "two", "options": {"A": "one", "B": "two"}, "answer_idx": letter}
        for question, letter in zip(QUESTIONS, "BBBA", strict=True)
    ]
    assert prepared(lines(*rows), "t.jsonl", format="multiple_choice").reasons == {4: "bad_options"}


def test_letters_before_options_go_only_where_all_have_theirs(prepared) -> None:
    rows = [
        {"question": QUESTIONS[0], "choices": ["A. one", "B. two"], "answer": 0},
        {"question": QUESTIONS[1], "choices": ["A. one", "two"], "answer": 1},
        {"question": QUESTIONS[2], "choices": ["C. one", "D. two"], "answer": 1},
    ]
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    assert [record.options for record in result.records] == [
        ["one", "two"],
        ["A. one", "two"],
        ["C. one", "D. two"],
    ]


def test_answers_may_carry_the_letters_that_options_do(prepared) -> None:
    rows = [
        {"question": question, "choices": ["A. one", "B. two"], "answer": answer}
        for question, answer in zip(QUESTIONS, ("B. two", "a.  ONE", "two", "B. two"), strict=True)
    ]
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    assert [(record.answer, record.answer_index) for record in result.records] == [
        ("two", 1), ("one", 0), ("two", 1), ("two", 1),
    ]  # fmt: skip


def test_options_that_differ_in_case_are_different(prepared) -> None:
    rows = [
        {"question": question, "choices": ["AA", "Aa", "aa"], "answer": answer}
        for question, answer in zip(QUESTIONS, ("aa", "Aa", "AA", "aA"), strict=True)
    ]
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    assert [record.answer_index for record in result.records] == [2, 1, 0]
    assert result.reasons == {4: "unlabelled"}


def test_answers_that_fit_no_option_are_not_called_a_hidden_test_set(prepared) -> None:
    rows = [{"question": question, "choices": ["one", "two"], "answer": "three"} for question in QUESTIONS]
    with pytest.raises(DataError, match=r"the answer 'three' is not an option's text") as refused:
        prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    assert "hidden" not in refused.value.remedy


@pytest.mark.parametrize(
    "columns",
    [
        ("A", "B", "C"),
        ("option_a", "option_b", "option_c"),
        ("Option 1", "Option 2", "Option 3"),
        ("choice0", "choice1", "choice2"),
    ],
)
@pytest.mark.parametrize("by", ["letter", "text", "column"])
def test_a_column_for_each_option_is_found_by_its_name(prepared, columns: tuple[str, ...], by: str) -> None:
    texts = ("one", "two", "three")
    answer = {"letter": "B", "text": "two", "column": columns[1]}[by]
    rows = "".join(f"{question},{','.join(texts)},{answer}\n" for question in QUESTIONS)
    records = prepared(f"question,{','.join(columns)},answer\n{rows}", format="multiple_choice").records
    assert [(record.options, record.answer_index) for record in records] == [(list(texts), 1)] * 4


@pytest.mark.parametrize(
    "cell", ['["one", "two"]', "['one', 'two']", '{"A": "one", "B": "two"}', "{'A': 'one', 'B': 'two'}"]
)
def test_a_list_or_object_of_options_may_be_text_in_a_cell(prepared, cell: str) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    text = "question,options,answer\n" + "".join(f"{question},{quoted},two\n" for question in QUESTIONS)
    records = prepared(text, format="multiple_choice").records
    assert [(record.options, record.answer) for record in records] == [(["one", "two"], "two")] * 4


def test_the_column_named_as_the_question_is_no_context_too(prepared) -> None:
    rows = [{"context": question, "choices": ["one", "two"], "answer": "two"} for question in QUESTIONS]
    records = prepared(
        lines(*rows), "t.jsonl", format="multiple_choice", columns={"question": "context"}
    ).records
    assert [record.context for record in records] == [None] * 4


def test_pubmedqa_shows_neither_the_long_answer_nor_the_decision(prepared) -> None:
    decisions = ["yes", "no", "maybe", "yes"]
    rows = {
        str(number): {
            "QUESTION": f"{question}?", "CONTEXTS": ["First part.", "Second part."], "LABELS": ["AIM"],
            "reasoning_free_pred": decision, "final_decision": decision, "LONG_ANSWER": f"Secret {number}",
        }
        for number, (question, decision) in enumerate(zip(QUESTIONS, decisions, strict=True))
    }  # fmt: skip
    result = prepared(json.dumps(rows), "t.json", format="multiple_choice")
    record = result.records[2]
    assert (record.options, record.answer, record.answer_index) == (["yes", "no", "maybe"], "maybe", 2)
    assert record.context == "First part.\nSecond part."
    assert record.id == "2"
    for record in result.records:
        shown = json.dumps([record.question, record.context, record.meta, record.explanation])
        assert "Secret" not in shown
        assert "reasoning" not in shown


def test_conflicting_answers_to_one_question_are_all_dropped(prepared) -> None:
    twin = exam(0) | {"id": "other", "cop": 1}
    result = prepared(lines(*FOUR, twin), "t.jsonl", format="multiple_choice")
    assert result.reasons == {1: "conflicting_duplicate", 5: "conflicting_duplicate"}


def test_the_same_options_in_another_order_are_a_duplicate(prepared) -> None:
    twin = exam(0) | {"id": "other", "opa": "b0", "opb": "a0", "cop": 1}
    assert prepared(lines(*FOUR, twin), "t.jsonl", format="multiple_choice").reasons == {5: "duplicate"}


def test_the_same_question_with_other_options_stays_in_one_group(prepared) -> None:
    twin = exam(0) | {"id": "other", "opa": "new"}
    first, *_, last = prepared(lines(*FOUR, twin), "t.jsonl", format="multiple_choice").records
    assert first.group == last.group


def test_a_test_set_without_answers_is_a_clear_error(prepared) -> None:
    rows = [{"question": question, "choices": ["A. x", "B. y"], "answer": -1} for question in QUESTIONS]
    with pytest.raises(DataError, match=r"unlabelled 4[\s\S]*hidden test set"):
        prepared(lines(*rows), "t.jsonl", format="multiple_choice")


def test_an_ambiguous_base_is_an_error_and_the_recipe_settles_it(prepared) -> None:
    rows = [exam(n, cop=1 + n % 2) for n in range(4)]
    with pytest.raises(DataError, match=r"data\.answer_base"):
        prepared(lines(*rows), "t.jsonl", format="multiple_choice")
    result = prepared(lines(*rows), "t.jsonl", format="multiple_choice", answer_base=1)
    assert [record.answer_index for record in result.records] == [0, 1, 0, 1]


def test_an_unknown_layout_lists_the_columns(prepared) -> None:
    with pytest.raises(DataError, match="'question', 'solution'"):
        prepared(lines({"question": "x", "solution": "y"}), "t.jsonl", format="multiple_choice")


def test_a_cell_that_holds_a_list_drops_its_row(prepared) -> None:
    result = prepared(lines(*FOUR, exam(4, question=["x"])), "t.jsonl", format="multiple_choice")
    assert result.reasons == {5: "unparsed_row"}
