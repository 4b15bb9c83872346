from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.errors import DataError

ROWS = """qtype,Question,Answer
symptoms,What are the symptoms of Gout ?,Pain   in one joint
Symptoms,What are the symptoms of Mumps? ?,"Swollen
   cheeks"
treatment,How is Asthma treated ?,With inhalers
causes,What causes Scurvy ?,Lack of vitamin C
"""


def test_questions_and_answers_are_cleaned(prepared) -> None:
    first, second, *_ = prepared(ROWS, format="typed_qa").records
    assert (first.question, first.answer, first.qtype) == (
        "What are the symptoms of Gout?", "Pain in one joint", "symptoms",
    )  # fmt: skip
    assert (second.question, second.answer) == ("What are the symptoms of Mumps?", "Swollen\ncheeks")


def test_a_named_context_stands_in_the_record(prepared) -> None:
    rows = [f"t,Why {word}?,So.,Note {word}" for word in ("gout", "flu", "acne")]
    text = "\n".join(["qtype,Question,Answer,notes", *rows])
    found = prepared(text, format="typed_qa", columns={"context": "notes"}).records
    assert [record.context for record in found] == ["Note gout", "Note flu", "Note acne"]


def test_only_the_types_asked_for_are_kept_whatever_their_case(prepared) -> None:
    result = prepared(ROWS, format="typed_qa", types=["SYMPTOMS"])
    assert [record.source_row for record in result.records] == [1, 2]
    assert result.reasons == {3: "filtered", 4: "filtered"}


def test_an_unknown_type_is_an_error_that_names_the_types(prepared) -> None:
    with pytest.raises(DataError, match=r"'symptom'[\s\S]*treatment \(1\)"):
        prepared(ROWS, format="typed_qa", types=["symptom"])


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "  ",
        "Topics",
        "Frequently Asked Queestions (FAQs)",
        "what causes rickets?",
        "How is rickets caused?",
    ],
)
def test_what_is_no_answer_is_dropped(prepared, answer: str) -> None:
    result = prepared(ROWS + f'causes,What causes Rickets ?,"{answer}"\n', format="typed_qa")
    assert result.reasons == {5: "empty_answer"}


def test_a_short_answer_and_one_that_ends_in_a_question_are_kept(prepared) -> None:
    rows = "causes,What causes Rickets ?,Unknown.\ncauses,What causes Croup ?,A virus. Is it grave?\n"
    assert prepared(ROWS + rows, format="typed_qa").reasons == {}


def test_a_question_with_two_answers_keeps_both_in_one_group(prepared) -> None:
    result = prepared(ROWS + "causes,what causes scurvy,Bad food\n", format="typed_qa")
    assert result.reasons == {}
    fourth, fifth = result.records[3:]
    assert fourth.group == fifth.group != result.records[0].group


def test_the_same_question_and_answer_are_a_duplicate(prepared) -> None:
    result = prepared(ROWS + "causes,WHAT causes scurvy?,lack of vitamin c\n", format="typed_qa")
    assert result.reasons == {5: "duplicate"}


def test_a_missing_type_column_says_how_to_name_it(prepared) -> None:
    with pytest.raises(DataError, match=r"data\.columns: \{type"):
        prepared("Question,Answer\na,b\n", format="typed_qa")


def test_columns_named_by_the_recipe_are_used(prepared) -> None:
    text = ROWS.replace("qtype,Question,Answer", "kind,ask,tell")
    result = prepared(text, format="typed_qa", columns={"type": "kind", "question": "ask", "answer": "tell"})
    assert len(result.records) == 4


def test_an_id_column_that_is_not_there_is_an_error(prepared) -> None:
    with pytest.raises(DataError, match="no column 'number'"):
        prepared(ROWS, format="typed_qa", columns={"id": "number"})


def document(number: int, name: str) -> str:
    pairs = "".join(
        f'<QAPair><Question qid="{number}-{place}" qtype="{qtype}">{words} {name} ?</Question>'
        f"<Answer>{answer}</Answer></QAPair>"
        for place, (qtype, words, answer) in enumerate(
            [
                ("symptoms", "What are the symptoms of", "Pain"),
                ("causes", "What is behind", "Age"),
                ("stages", "x", ""),
            ]
        )
    )
    return f'<Document id="{number}"><Focus>{name}</Focus><QAPairs>{pairs}</QAPairs></Document>'


def test_xml_folders_are_searched_and_a_document_stays_together(prepared, tmp_path: Path) -> None:
    for number, name in enumerate(["Gout", "Mumps", "Scurvy", "Asthma"]):
        path = tmp_path / "MedQuAD" / f"{number % 2}_QA" / f"{number}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document(number, name))
    result = prepared(None, format="typed_qa", source=str(tmp_path / "MedQuAD"))
    assert len(result.records) == 8
    assert set(result.reasons.values()) == {"empty_answer"}
    assert result.facts["groups"] == 4
    assert {record.id for record in result.records} >= {"0-0", "3-1"}
    for part in result.splits.values():
        assert len(part) == 2 * len({record.group for record in part})


def test_a_broken_document_costs_only_itself(prepared, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for number, name in enumerate(["Gout", "Mumps"]):
        (folder / f"{number}.xml").write_text(document(number, name))
    (folder / "9.xml").write_text("<Document>")
    result = prepared(None, format="typed_qa", source=str(folder))
    assert result.reasons["9.xml:1"] == "unparsed_row"
    assert len(result.records) == 4
