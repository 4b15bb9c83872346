"""Published layouts -> records whose texts are those of the file, and an account of the other rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import DataError
from medadapt.core.progress import Silent
from medadapt.core.standard_sets import MMLU_SUBSETS, NamedSource, SetName
from medadapt.records.standard_sets.reading import StandardSet, read_standard_set

ENDS = {"opa": "Heart", "opb": "Lung ", "opc": " Liver", "opd": "Spleen"}
EXAM = {"id": "one", "question": "Which organ  makes bile ?", **ENDS}


def written(folder: Path, rows: Any, name: str = "set.jsonl") -> Path:
    path = folder / name
    lines = rows if isinstance(rows, list) else None
    path.write_text(
        json.dumps(rows) if lines is None else "\n".join(json.dumps(row) for row in lines), encoding="utf-8"
    )
    return path


def read(name: SetName, path: Path) -> StandardSet:
    return read_standard_set(NamedSource(name=name, source=str(path)), progress=Silent())


def options_of(found: StandardSet) -> Sequence[list[str] | None]:
    return [record.options for record in found.records]


def test_texts_of_medmcqa_stay_as_published(tmp_path: Path):
    rows = [{**EXAM, "cop": 2}, {**EXAM, "id": "two", "cop": 0}]

    found = read("medmcqa", written(tmp_path, rows))

    assert [record.question for record in found.records] == ["Which organ  makes bile ?"] * 2
    assert options_of(found)[0] == ["Heart", "Lung ", " Liver", "Spleen"]
    assert [record.answer_index for record in found.records] == [2, 0]


def test_medmcqa_may_count_from_one_as_its_first_release_did(tmp_path: Path):
    rows = [{**EXAM, "cop": 4}, {**EXAM, "id": "two", "cop": 1}]

    assert [record.answer_index for record in read("medmcqa", written(tmp_path, rows)).records] == [3, 0]


def test_too_few_rows_to_tell_how_they_count_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="could count from 0 or from 1") as refused:
        read("medmcqa", written(tmp_path, [{**EXAM, "cop": 2}]))

    assert "data.answer_base" not in refused.value.remedy


def test_unlabelled_rows_are_counted(tmp_path: Path):
    rows = [{**EXAM, "cop": 0}, {**EXAM, "id": "two", "cop": -1}, {"id": "three", "question": "", "cop": 1}]

    found = read("medmcqa", written(tmp_path, rows))

    assert found.unusable == {"unlabelled": 1, "empty_question": 1}
    assert (found.rows, len(found.records)) == (3, 1)


def test_a_set_without_any_answer_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="unlabelled 1"):
        read("medmcqa", written(tmp_path, [{**EXAM, "cop": -1}]))


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Bile?", "answer": "Liver", "options": dict(zip("ABCD", ENDS.values(), strict=True)),
         "answer_idx": "C"},
        {"id": "x", "sent1": "Bile?", "sent2": "", "ending0": "Heart", "ending1": "Lung ", "ending2": " Liver",
         "ending3": "Spleen", "label": 2},
    ],
)  # fmt: skip
def test_both_layouts_of_medqa_are_read(row: dict[str, Any], tmp_path: Path):
    first = (
        {**row, "answer_idx": "A", "answer": "Heart"} if "options" in row else {**row, "id": "y", "label": 0}
    )

    found = read("medqa", written(tmp_path, [row, first]))

    assert options_of(found)[0] == ["Heart", "Lung ", " Liver", "Spleen"]
    assert [record.answer_index for record in found.records] == [2, 0]
    assert found.records[0].question == "Bile?"


def test_five_options_are_no_question_of_a_set_with_four(tmp_path: Path):
    five = {"question": "Bile?", "options": dict(zip("ABCDE", "vwxyz", strict=True)), "answer_idx": "E"}
    four = {"question": "Bile?", "options": dict(zip("ABCD", "vwxy", strict=True)), "answer_idx": "B"}

    assert read("medqa", written(tmp_path, [five, four])).unusable == {"bad_options": 1}


ORIGINAL = {
    "111": {"QUESTION": "Does it help?", "CONTEXTS": ["Part one. ", "Part two."], "LONG_ANSWER": "It does.",
            "final_decision": "no"},
}  # fmt: skip
HUB = [
    {"pubid": 111, "question": "Does it help?", "context": {"contexts": ["Part one. ", "Part two."], "labels": []},
     "long_answer": "It does.", "final_decision": "no"},
]  # fmt: skip


@pytest.mark.parametrize(("rows", "name"), [(ORIGINAL, "ori.json"), (HUB, "hub.jsonl")])
def test_both_layouts_of_pubmedqa_are_read(rows: Any, name: str, tmp_path: Path):
    (record,) = read("pubmedqa", written(tmp_path, rows, name)).records

    assert record.context == "Part one. \nPart two."
    assert (record.options, record.answer_index) == (["yes", "no", "maybe"], 1)
    assert "It does" not in f"{record.question}{record.context}{record.explanation}"


@pytest.mark.parametrize(("name", "rows"), [("pubmedqa", [{**EXAM, "cop": 0}]), ("medqa", ORIGINAL)])
def test_a_file_of_another_set_is_refused(name: SetName, rows: Any, tmp_path: Path):
    with pytest.raises(DataError, match=f"layout of {name}"):
        read(name, written(tmp_path, rows, "set.json"))


def test_a_missing_file_is_told_by_the_option_that_names_it(tmp_path: Path):
    with pytest.raises(DataError, match="--on"):
        read("medqa", tmp_path / "nowhere.jsonl")


SET_FILES: dict[str, tuple[SetName, str, str]] = {
    "empty lines": ("medmcqa", "", "is empty"),
    "no layout": ("medmcqa", '{"a": 1}', "no multiple-choice layout"),
    "no question": ("medqa", '{"options": ["a", "b"], "answer_idx": 0}', "needs a column for the question"),
    "another set": ("pubmedqa", json.dumps({**EXAM, "cop": 0}), "layout of pubmedqa"),
    "no JSON": ("medqa", "{", "no JSON|no row"),
    "empty of MMLU": ("mmlu-medical", "", "is empty"),
    "no layout of MMLU": ("mmlu-medical", '{"a": 1}', "no multiple-choice layout"),
}


@pytest.mark.parametrize("case", SET_FILES)
def test_a_file_that_cannot_be_used_is_told_with_its_path_and_without_keys_of_a_recipe(
    case: str, tmp_path: Path
):
    name, text, fault = SET_FILES[case]
    path = tmp_path / "set.jsonl"
    path.write_text(text)

    with pytest.raises(DataError, match=fault) as refused:
        read(name, path)

    assert str(path) in refused.value.problem
    assert "data." not in f"{refused.value.expected}{refused.value.remedy}"
    assert refused.value.remedy


@pytest.mark.parametrize("subject", ["virology", ""])
def test_mmlu_without_a_medical_subset_is_told_the_six(subject: str, tmp_path: Path):
    row = {
        "question": "Bile?",
        "choices": ["Heart", "Lung", "Liver", "Skin"],
        "answer": 2,
        "subject": subject,
    }

    with pytest.raises(DataError, match="filtered 1") as refused:
        read("mmlu-medical", written(tmp_path, [row]))

    assert all(subset in refused.value.remedy for subset in MMLU_SUBSETS)
    assert "hidden" not in refused.value.remedy


def test_hidden_answers_are_told_as_such(tmp_path: Path):
    with pytest.raises(DataError) as refused:
        read("medmcqa", written(tmp_path, [{**EXAM, "cop": -1}]))

    assert "hidden answers" in refused.value.remedy


def test_answers_that_fit_no_option_are_not_told_as_hidden(tmp_path: Path):
    row = {"question": "Bile?", "choices": list(ENDS.values()), "answer": "Skin"}

    with pytest.raises(DataError, match="unlabelled 1") as refused:
        read("medmcqa", written(tmp_path, [row]))

    assert "hidden" not in refused.value.remedy


def test_questions_that_stand_twice_share_a_group(tmp_path: Path):
    rows = [
        {**EXAM, "cop": 0},
        {**EXAM, "id": "two", "cop": 0},
        {**EXAM, "id": "three", "question": "Other?", "cop": 1},
    ]

    first, second, third = (record.group for record in read("medmcqa", written(tmp_path, rows)).records)

    assert first == second != third


@pytest.mark.parametrize(
    ("name", "file", "number"),
    [
        ("medqa", "medqa_usmle/test_4_options_part.jsonl", 433),
        ("medmcqa", "medmcqa/medmcqa_validation.jsonl", 2124),
        ("medmcqa", "medmcqa/medmcqa_validation.mirage.json", 2124),
        ("pubmedqa", "pubmedqa/ori_pqal_not_test.json", 500),
    ],
)
def test_every_row_of_the_published_files_can_be_asked(
    name: SetName, file: str, number: int, shared_data: Path
):
    found = read(name, shared_data / file)

    assert (len(found.records), found.unusable) == (number, {})


def test_the_hidden_test_set_of_medmcqa_cannot_be_asked(shared_data: Path):
    with pytest.raises(DataError, match="unlabelled 500"):
        read("medmcqa", shared_data / "medmcqa" / "medmcqa_test_unlabelled_first500.jsonl")
