from __future__ import annotations

import pytest

from medadapt.core.errors import DataError
from medadapt.records.data_notes import data_notes

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


GRID = [(n >> 0 & 1, n >> 1 & 1, n >> 2 & 1) for n in range(1, 8)]


def marked(head: str, *columns: list[object]) -> str:
    """A 0/1 table of three symptoms with a label, and further columns behind the label."""
    rows = [
        ",".join(map(str, (*marks, "Flu" if number % 2 else "Cold", *(column[number] for column in columns))))
        for number, marks in enumerate(GRID)
    ]
    return "\n".join([f"fever,cough,itch,prognosis{head}", *rows]) + "\n"


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("age", [34, 51, 34, 20, 77, 8, 51]),
        ("patient_id", [f"P{n}" for n in range(7)]),
        ("S.No", list(range(1, 8))),
        ("pain", [0, 3, 1, 2, 0, 1, 3]),
    ],
)
def test_a_column_beside_marks_is_left_out_and_named(prepared, name: str, column: list[object]) -> None:
    result = prepared(marked(f",{name}", column), format="symptom_table")
    assert [record.question for record in result.records][:3] == ["fever", "cough", "fever; cough"]
    assert result.facts["columns_left_out"] == {"rows.csv": [name]}


@pytest.mark.parametrize("index", [list(range(1, 8)), [4, 90, 2, 33, 8, 7, 61]])
def test_an_index_that_does_not_count_from_0_is_no_symptom(prepared, index: list[object]) -> None:
    result = prepared(marked(",", index), format="symptom_table")
    assert result.records[0].question == "fever"
    assert "columns_left_out" not in result.facts


def test_an_index_in_which_a_faulty_row_is_missing_is_no_symptom(prepared) -> None:
    text = marked(",", list(range(7))).replace("1,1,0,Cold,2", "1,1,0,Cold,2,too much")
    result = prepared(text, format="symptom_table")
    assert len(result.records) == 6
    assert result.records[0].question == "fever"


def test_marks_beside_sentences_are_refused_unless_one_is_named(prepared) -> None:
    text = marked(",notes", [f"I have felt unwell for {n} days" for n in range(7)])
    with pytest.raises(DataError, match=r"sentences in 'notes'[\s\S]*data\.columns: \{question: notes\}"):
        prepared(text, format="symptom_table")
    named = prepared(text, format="symptom_table", columns={"question": "notes"})
    assert named.records[0].question == "I have felt unwell for 0 days"


@pytest.mark.parametrize(
    "column",
    [
        [34, 51, 34, 34, 51, 34, 51],
        ["2024-05-01", "2024-05-02", "2024-05-01", "2024-05-02", "2024-05-01", "2024-05-02", "2024-05-01"],
        [f"P{n}" for n in range(7)],
    ],
)
def test_ages_dates_and_ids_are_not_taken_for_the_label(prepared, column: list[object]) -> None:
    text = marked(",extra", column).replace("prognosis", "outcome").replace("Flu", "1").replace("Cold", "0")
    with pytest.raises(DataError, match="needs a column for the label"):
        prepared(text, format="symptom_table")


def test_a_heading_that_is_repeated_loses_no_symptom(prepared) -> None:
    text = LISTED.replace("Symptom_1,Symptom_2,Symptom_3", "Symptom,Symptom,Symptom")
    assert prepared(text, format="symptom_table").records[0].question == "fever; dischromic patches; cough"


def test_a_numbered_heading_that_is_repeated_loses_no_symptom(prepared) -> None:
    text = LISTED.replace("Symptom_1,Symptom_2,Symptom_3", "Symptom_1,Symptom_1,Symptom_2")
    assert prepared(text, format="symptom_table").records[0].question == "fever; dischromic patches; cough"


def test_numbered_columns_of_marks_are_named_by_their_heads(prepared) -> None:
    text = marked("").replace("fever,cough,itch", "symptom1,symptom2,symptom3")
    assert prepared(text, format="symptom_table").records[2].question == "symptom1; symptom2"


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("TRUE", "FALSE"), ("Yes", "No"), ("true", "false")])
@pytest.mark.parametrize("heads", ["fever,cough,itch", "symptom1,symptom2,symptom3"])
def test_marks_are_written_as_numbers_or_words(prepared, yes: str, no: str, heads: str) -> None:
    header, *rows = marked("").replace("fever,cough,itch", heads).splitlines()
    rows = [row.replace("1", yes).replace("0", no) for row in rows]
    result = prepared("\n".join([header, *rows]), format="symptom_table")
    first, second, _ = heads.split(",")
    assert [record.question for record in result.records][:3] == [first, second, f"{first}; {second}"]
    assert result.reasons == {}


def test_an_outcome_in_words_beside_marks_of_0_and_1_is_the_label(prepared) -> None:
    text = marked("").replace("prognosis", "outcome").replace("Flu", "Yes").replace("Cold", "No")
    assert prepared(text, format="symptom_table").facts["labels"] == ["No", "Yes"]


def test_labels_that_are_numbers_are_told(prepared) -> None:
    text = "label,text\n0,I cough\n0,I sneeze a lot\n1,my knee hurts\n1,my back hurts\n"
    (note,) = data_notes(prepared(text, format="symptom_table").facts)
    assert note.startswith("labels are numbers (0, 1): the model learns the numbers")
    named = prepared(text, format="symptom_table", aliases={0: "Influenza", 1: "Arthritis"}).facts
    assert (named["labels"], list(data_notes(named))) == (["Arthritis", "Influenza"], [])


def test_labels_that_look_the_same_are_one(prepared) -> None:
    text = "Disease,Symptom_1\nHepatitis A,a\nHepatitis\xa0A,b\nM\xe9ni\xe8re,c\nMe\u0301nie\u0300re,d\n"
    facts = prepared(text, format="symptom_table").facts
    assert facts["labels"] == ["Hepatitis A", "M\xe9ni\xe8re"]
    assert facts["repairs"]["no-break spaces and loose accents in labels replaced"] == 2


def test_labels_that_differ_in_case_or_spaces_are_named_with_the_alias_that_joins_them(prepared) -> None:
    text = "Disease,Symptom_1\nFlu,a\nFlu,b\nflu,c\nCold,d\ncommon  cold,e\ncommon cold,f\ncommon cold,g\n"
    facts = prepared(text, format="symptom_table").facts
    assert facts["alike_labels"] == [["common cold", "common  cold"], ["Flu", "flu"]]
    assert list(data_notes(facts))[1].endswith('data.aliases: {"flu": "Flu"} makes them one')
    joined = prepared(
        text, format="symptom_table", aliases={"flu": "Flu", "common  cold": "common cold"}
    ).facts
    assert (joined["labels"], joined["alike_labels"]) == (["Cold", "Flu", "common cold"], [])
