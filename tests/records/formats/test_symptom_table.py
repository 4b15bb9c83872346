from __future__ import annotations

import pytest

from medadapt.core.errors import DataError

LISTED = """Disease,Symptom_1,Symptom_2,Symptom_3
 Flu ,fever, dischromic _patches,cough
Flu,cough,fever,
Flu,fever,cough,
Cold,runny_nose,cough,
Cold,sneezing,,
Cold,foul_smell_of urine,sneezing,cough
"""
MARKED = """fever,foul_smell_of urine,fever,cough,prognosis
1,0,0,0,Flu
0,1,1,0,Flu
0,0,0,1,Cold
1,0,0,1,Cold
"""


def test_listed_symptoms_become_one_clean_line(prepared) -> None:
    first = prepared(LISTED, format="symptom_table").records[0]
    assert first.question == "fever; dischromic patches; cough"
    assert (first.label, first.answer) == ("Flu", "Flu")


def test_the_same_symptoms_in_another_order_are_a_duplicate(prepared) -> None:
    result = prepared(LISTED, format="symptom_table")
    assert result.reasons == {3: "duplicate"}
    assert result.dropped[0]["detail"] == "row-2"


def test_marked_symptoms_are_named_by_their_columns_and_repeated_columns_are_joined(prepared) -> None:
    result = prepared(MARKED, format="symptom_table")
    assert [record.question for record in result.records] == [
        "fever", "fever; foul smell of urine", "cough", "fever; cough",
    ]  # fmt: skip
    assert result.facts["repairs"]["symptom columns joined"] == 1


def test_the_only_column_that_is_not_marked_is_the_label(prepared) -> None:
    result = prepared(MARKED.replace("prognosis", "what it was"), format="symptom_table")
    assert result.facts["labels"] == ["Cold", "Flu"]


@pytest.mark.parametrize("label", ["DISEASE", "Prognosis", "diagnosis", "Label", "CONDITION"])
def test_the_label_column_is_recognised_in_any_case(prepared, label: str) -> None:
    result = prepared(LISTED.replace("Disease", label), format="symptom_table")
    assert result.facts["labels"] == ["Cold", "Flu"]


def test_a_description_with_a_label_is_read(prepared) -> None:
    text = "label,text\nA,I  cough\nA,I sneeze a lot\nB,my knee hurts\nB,my back hurts\n"
    records = prepared(text, format="symptom_table").records
    assert [(record.question, record.label) for record in records][:2] == [
        ("I cough", "A"),
        ("I sneeze a lot", "A"),
    ]


def test_named_columns_win_over_recognised_ones(prepared) -> None:
    text = "Disease,notes,Diagnosis\nx,I cough,A\nx,I sneeze,A\nx,knee,B\nx,back,B\n"
    result = prepared(text, format="symptom_table", columns={"label": "diagnosis", "question": "notes"})
    assert result.facts["labels"] == ["A", "B"]
    assert result.records[0].question == "I cough"


def test_labels_are_trimmed_but_not_respelled(prepared) -> None:
    text = (
        "Disease,Symptom_1\n (vertigo)  Paroymsal ,a\n(vertigo)  Paroymsal,b\nhepatitis A,c\nhepatitis A,d\n"
    )
    assert prepared(text, format="symptom_table").facts["labels"] == ["(vertigo)  Paroymsal", "hepatitis A"]


def test_aliases_replace_labels(prepared) -> None:
    result = prepared(LISTED, format="symptom_table", aliases={"FLU": "Influenza"})
    assert result.facts["labels"] == ["Cold", "Influenza"]


def test_a_short_row_is_sound_where_only_symptoms_are_missing(prepared) -> None:
    assert prepared(LISTED + "Flu,headache\n", format="symptom_table").records[-1].question == "headache"


def test_a_short_row_without_its_label_is_unparsed(prepared) -> None:
    text = "Symptom_1,Symptom_2,Disease\na,b,X\nb,c,X\nc,d,Y\nd,e,Y\na,c\n"
    assert prepared(text, format="symptom_table").reasons == {5: "unparsed_row"}


def test_rows_without_symptoms_or_label_are_dropped_with_their_reason(prepared) -> None:
    result = prepared(LISTED + "Flu,,,\n,fever,,\n", format="symptom_table")
    assert (result.reasons[7], result.reasons[8]) == ("empty_question", "unlabelled")


def test_one_set_of_symptoms_with_two_labels_is_a_conflict_and_all_its_rows_go(prepared) -> None:
    result = prepared(LISTED + "Gout,cough,fever,\n", format="symptom_table")
    assert {row: result.reasons[row] for row in (2, 3, 7)} == dict.fromkeys(
        (2, 3, 7), "conflicting_duplicate"
    )
    assert "row-7 (Gout)" in result.dropped[0]["detail"]


def test_a_mark_that_is_neither_0_nor_1_drops_its_row(prepared) -> None:
    rows = "".join(f"{n & 1},{n >> 1 & 1},{n >> 2 & 1},{'Flu' if n % 2 else 'Cold'}\n" for n in range(1, 40))
    result = prepared("fever,cough,itch,prognosis\n" + rows + "2,0,0,Flu\n", format="symptom_table")
    assert result.reasons[40] == "unparsed_row"


def test_an_index_column_without_a_name_is_no_symptom(prepared) -> None:
    text = ",fever,cough,prognosis\n0,1,0,Flu\n1,1,1,Flu\n2,0,1,Cold\n3,0,1,Cold\n"
    assert prepared(text, format="symptom_table").records[0].question == "fever"


def test_one_label_only_is_an_error(prepared) -> None:
    with pytest.raises(DataError, match="one label only: 'Flu'"):
        prepared("Disease,Symptom_1\nFlu,a\nFlu,b\n", format="symptom_table")


def test_a_table_without_a_label_lists_its_columns_and_the_key_to_set(prepared) -> None:
    with pytest.raises(DataError, match=r"'one', 'two'[\s\S]*data\.columns: \{label"):
        prepared("one,two\na,b\nc,d\n", format="symptom_table")


def test_a_named_column_that_is_missing_is_an_error(prepared) -> None:
    with pytest.raises(DataError, match=r"no column 'Diagnose'.*data\.columns\.label"):
        prepared(LISTED, format="symptom_table", columns={"label": "Diagnose"})
