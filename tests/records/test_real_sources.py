"""The real files beside the checkout, with the numbers measured on them."""

from __future__ import annotations

from pathlib import Path

import pytest

from medadapt.core.errors import DataError


def test_the_symptom_table_has_304_distinct_rows(prepared, shared_data: Path) -> None:
    result = prepared(
        None, format="symptom_table", source=str(shared_data / "symptom_disease" / "dataset.csv")
    )
    assert result.facts["dropped"] == {"duplicate": 4616}
    assert len(result.records) == 304
    assert len(result.facts["labels"]) == 41
    assert result.facts["labels_without_test"] == []
    assert {"Peptic ulcer diseae", "Diabetes", "(vertigo) Paroymsal  Positional Vertigo"} <= set(
        result.facts["labels"]
    )
    assert result.facts["leakage"]["exact"] == 0
    assert result.facts["leakage"]["near"] > 10
    assert not any("_" in r.question or "  " in r.question for r in result.records)


def test_a_side_table_is_no_symptom_table(prepared, shared_data: Path) -> None:
    with pytest.raises(DataError, match="Symptom-severity"):
        prepared(None, format="symptom_table", source=str(shared_data / "symptom_disease"))


@pytest.mark.slow
def test_medquad_is_cleaned_and_split_without_leaks(prepared, shared_data: Path) -> None:
    result = prepared(None, format="typed_qa", source=str(shared_data / "medquad" / "train.csv"))
    assert result.facts["dropped"] == {"duplicate": 46, "empty_answer": 15}
    assert result.facts["repairs"]["repeated question marks removed"] == 245
    assert result.facts["leakage"]["near"] == 0
    assert 10_500 < result.facts["groups"] < 11_000
    assert result.facts["labels"] == []


def test_medquad_symptoms_are_filtered(prepared, shared_data: Path) -> None:
    source = str(shared_data / "medquad" / "train.csv")
    result = prepared(None, format="typed_qa", source=source, types=["Symptoms"])
    assert result.facts["dropped"]["filtered"] == 12_928 - 2_168
    assert {r.qtype for r in result.records} == {"symptoms"}


def test_medmcqa_and_its_mirage_twin_give_the_same_records(prepared, shared_data: Path) -> None:
    folder = shared_data / "medmcqa"
    medmcqa = prepared(None, format="multiple_choice", source=str(folder / "medmcqa_validation.jsonl"))
    mirage = prepared(None, format="multiple_choice", source=str(folder / "medmcqa_validation.mirage.json"))
    assert medmcqa.splits == mirage.splits
    assert medmcqa.facts["answer_base"] == 0
    assert medmcqa.facts["dropped"] == {"bad_options": 15, "duplicate": 3}  # one has an option `#NAME?`


def test_the_residency_exam_counts_from_1_and_has_five_options_in_half_its_rows(
    prepared, shared_data: Path
) -> None:
    result = prepared(None, format="multiple_choice", source=str(shared_data / "medmcqa" / "mir_test_en.csv"))
    assert result.facts["answer_base"] == 1
    assert {len(r.options or []) for r in result.records} == {4, 5}
    assert result.facts["dropped"] == {"bad_options": 1}
    assert not any((r.explanation or "").startswith("The correct answer is 3") for r in result.records)


def test_the_hidden_test_split_is_refused(prepared, shared_data: Path) -> None:
    with pytest.raises(DataError, match="unlabelled 500"):
        prepared(
            None,
            format="multiple_choice",
            source=str(shared_data / "medmcqa" / "medmcqa_test_unlabelled_first500.jsonl"),
        )


def test_medqa_usmle_keeps_all_its_rows(prepared, shared_data: Path) -> None:
    result = prepared(None, format="multiple_choice", source=str(shared_data / "medqa_usmle" / "*.jsonl"))
    assert (len(result.records), result.dropped) == (433, [])


def test_pubmedqa_never_shows_its_answer(prepared, shared_data: Path) -> None:
    result = prepared(None, format="multiple_choice", source=str(shared_data / "pubmedqa" / "*.json"))
    assert len(result.records) == 500
    assert {r.answer for r in result.records} == {"yes", "no", "maybe"}
    assert all(r.context and r.options == ["yes", "no", "maybe"] and not r.meta for r in result.records)
    assert not any("LONG_ANSWER" in repr(r) or "final_decision" in repr(r) for r in result.records)


def test_the_symptom_table_splits_80_20_with_every_label_in_test(prepared, shared_data: Path) -> None:
    source = str(shared_data / "symptom_disease" / "dataset.csv")
    shares = {"train": 0.8, "validation": 0, "test": 0.2}
    result = prepared(None, format="symptom_table", source=source, split=shares)
    assert {name: len(part) for name, part in result.splits.items()} == {
        "train": 243,
        "validation": 0,
        "test": 61,
    }
    assert len({record.label for record in result.splits["test"]}) == 41
    assert result.facts["labels_without_test"] == []


@pytest.mark.parametrize(
    ("name", "num_rows", "num_questions"),
    [
        ("ehealthforum_dialogues.json", 134, 134),
        ("icliniq_dialogues.json", 372, 372),
        pytest.param("genmedgpt5k_part.json", 4358, 4355, marks=pytest.mark.slow),
        pytest.param("questiondoctor_dialogues.json", 4589, 1529, marks=pytest.mark.slow),
    ],
)
def test_dialogues_are_all_used_and_answers_to_one_question_stay_together(
    prepared, shared_data: Path, name: str, num_rows: int, num_questions: int
) -> None:
    result = prepared(None, format="dialogue", source=str(shared_data / "dialogues" / name))
    assert len(result.records) == num_rows
    assert len({record.question for record in result.records}) == pytest.approx(num_questions, rel=0.01)
    assert len({(record.question, record.group) for record in result.records}) == len(
        {record.question for record in result.records}
    )
    assert (result.facts["leakage"]["exact"], result.facts["leakage"]["near"]) == (0, 0)
    assert result.facts["instructions"] == [
        "If you are a doctor, please answer the medical questions based on the patient's description."
    ]


def test_garbled_characters_of_the_forum_are_restored(prepared, shared_data: Path) -> None:
    source = str(shared_data / "dialogues" / "ehealthforum_dialogues.json")
    result = prepared(None, format="dialogue", source=source)
    answers = " ".join(record.answer for record in result.records)
    assert "“i didn’t know i was pregnant”" in answers
    assert "â" not in answers
    assert not any("\x80" <= char <= "\x9f" for char in answers)


@pytest.mark.slow
def test_both_layouts_of_the_open_questions_give_the_same_records(prepared, shared_data: Path) -> None:
    folder = shared_data / "open_medical_qa"
    instructed = prepared(
        None, format="question_answer", source=str(folder / "wikidoc_patient_information.json")
    )
    lines = folder / "wikidoc_patient_information.question_response.jsonl"
    paired = prepared(None, format="question_answer", source=str(lines))
    assert instructed.splits == paired.splits
    assert instructed.facts["instructions"] == ["Answer this question truthfully"]
    assert (len(paired.records), paired.facts["dropped"]) == (4693, {"duplicate": 78})
    assert (paired.facts["leakage"]["exact"], paired.facts["leakage"]["near"]) == (0, 0)
