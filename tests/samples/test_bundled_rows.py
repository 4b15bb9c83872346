"""The bundled rows: 32 a format, in their layouts, without repeats or contradictions."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections import Counter
from typing import Any, get_args

import pytest

from medadapt.core.errors import RecipeError
from medadapt.core.recipe import DataSection
from medadapt.samples.bundled import (
    FILE_OF_SAMPLE,
    ROWS_OF_SAMPLE,
    SAMPLE_OF_FORMAT,
    rows_source,
    source_file,
)

NUM_ROWS = 32


def rows_of(name: str) -> list[dict[str, Any]]:
    path = source_file(f"rows/{name}")
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return list(csv.DictReader(text.splitlines()))
    if path.suffix == ".json":
        return list(json.loads(text))
    return [json.loads(line) for line in text.splitlines()]


def question_of(row: dict[str, Any]) -> str:
    question = row.get("Question") or row.get("input") or row["question"]
    return re.sub(r"\W+", " ", str(question)).strip().casefold()


def symptoms_of(row: dict[str, Any]) -> frozenset[str]:
    cells = [value for column, value in row.items() if column.startswith("Symptom_")]
    return frozenset(re.sub(r"[_\s]+", " ", cell).strip() for cell in cells if cell.strip())


def test_every_format_has_its_sample():
    formats = get_args(DataSection.model_fields["format"].annotation)

    assert set(SAMPLE_OF_FORMAT) == set(formats)
    assert set(SAMPLE_OF_FORMAT.values()) == set(FILE_OF_SAMPLE) == set(ROWS_OF_SAMPLE)


def test_a_sample_and_its_rows_are_two_sources():
    for data_format, name in SAMPLE_OF_FORMAT.items():
        rows = source_file(rows_source(data_format).removeprefix("sample:"))
        assert rows.is_file()
        assert source_file(name).is_file()
        assert source_file(name).stat().st_size > 10 * rows.stat().st_size


@pytest.mark.parametrize("name", ROWS_OF_SAMPLE)
def test_each_file_has_32_rows_without_an_empty_required_text(name: str):
    rows = rows_of(name)

    assert len(rows) == NUM_ROWS
    assert all(str(value).strip() for row in rows for key, value in row.items() if "Symptom" not in key)


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("symptoms", ["Disease", *(f"Symptom_{n}" for n in range(1, 7))]),
        ("typed_qa", ["qtype", "Question", "Answer"]),
        ("dialogues", ["instruction", "input", "output"]),
        ("qa", ["question", "response"]),
        (
            "mcq",
            [
                "id",
                "question",
                "opa",
                "opb",
                "opc",
                "opd",
                "cop",
                "choice_type",
                "exp",
                "subject_name",
                "topic_name",
            ],
        ),
    ],
)
def test_rows_have_the_layout_of_their_format(name: str, columns: list[str]):
    assert all(list(row) == columns for row in rows_of(name))


@pytest.mark.parametrize("name", ["typed_qa", "dialogues", "qa", "mcq"])
def test_no_two_questions_are_nearly_equal(name: str):
    questions = [question_of(row) for row in rows_of(name)]
    fivegrams = [{text[i : i + 5] for i in range(len(text) - 4)} for text in questions]

    nearest = max(len(a & b) / len(a | b) for a, b in itertools.combinations(fivegrams, 2))

    assert nearest < 0.8  # a split never has to keep two of them together


def test_symptom_sets_are_distinct_so_no_set_has_two_labels():
    sets = [symptoms_of(row) for row in rows_of("symptoms")]

    assert len(set(sets)) == NUM_ROWS
    assert min(map(len, sets)) >= 3


def test_symptom_table_has_5_labels_of_at_least_6_rows():
    counts = Counter(row["Disease"].strip() for row in rows_of("symptoms"))

    assert len(counts) == 5
    assert min(counts.values()) >= 6


def test_symptom_table_carries_the_usual_light_dirt():
    rows = rows_of("symptoms")
    cells = [value for row in rows for column, value in row.items() if column.startswith("Symptom_")]

    assert any(cell.startswith(" ") for cell in cells)
    assert any("_" in cell for cell in cells)
    assert any(" _" in cell for cell in cells)
    assert any(row["Disease"] != row["Disease"].strip() for row in rows)


def test_typed_questions_have_at_least_4_types_and_12_about_symptoms():
    counts = Counter(row["qtype"] for row in rows_of("typed_qa"))

    assert len(counts) >= 4
    assert counts["symptoms"] >= 12


def test_right_answers_of_the_exam_are_spread_evenly_over_the_letters():
    rows = rows_of("mcq")

    assert Counter(row["cop"] for row in rows) == {0: 8, 1: 8, 2: 8, 3: 8}
    assert {row["choice_type"] for row in rows} == {"single"}
    assert len({row["id"] for row in rows}) == NUM_ROWS


def test_options_of_an_exam_question_all_differ():
    for row in rows_of("mcq"):
        options = [row[key].casefold() for key in ("opa", "opb", "opc", "opd")]
        assert len(set(options)) == 4, row["id"]


def test_explanations_name_no_option_by_letter():
    assert not [
        row["id"] for row in rows_of("mcq") if re.search(r"\b(option|ans\w*)\b", row["exp"].casefold())
    ]


def test_an_unknown_sample_is_refused_with_the_known_names():
    with pytest.raises(RecipeError) as refusal:
        source_file("symptom")

    assert "did you mean 'symptoms'" in str(refusal.value)
    assert all(name in refusal.value.expected for name in FILE_OF_SAMPLE)


def test_a_sample_name_is_never_a_path():
    with pytest.raises(RecipeError):
        source_file("../recipes/symptom-diagnosis-opt-1.3b")
