"""MMLU comes as a folder a subset, a file a subset, with and without column names, or all in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from medadapt.core.errors import DataError
from medadapt.core.progress import Silent
from medadapt.core.standard_sets import NamedSource
from medadapt.records.standard_sets.reading import StandardSet, read_standard_set

OPTIONS = ["Heart", "Lung", "Liver", "Spleen"]


def read(path: Path) -> StandardSet:
    return read_standard_set(NamedSource(name="mmlu-medical", source=str(path)), progress=Silent())


def row(question: str, answer: Any, **more: Any) -> dict[str, Any]:
    return {"question": question, "choices": OPTIONS, "answer": answer, **more}


def asked(found: StandardSet) -> list[tuple[str | None, str, int | None]]:
    return [(record.subject, record.question, record.answer_index) for record in found.records]


def test_the_layout_of_the_hub_gives_test_rows_only(tmp_path: Path):
    for subset, split, question in (
        ("anatomy", "test", " Bile? "),
        ("anatomy", "dev", "An example?"),
        ("anatomy", "validation", "Another?"),
        ("medical_genetics", "test", "Gene?"),
        ("astronomy", "test", "Star?"),
    ):
        path = tmp_path / subset / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([row(question, 2, subject=subset)]), path)

    assert asked(read(tmp_path)) == [("anatomy", " Bile? ", 2), ("medical_genetics", "Gene?", 2)]


def test_original_files_have_no_column_names(tmp_path: Path):
    (tmp_path / "anatomy_test.csv").write_text(
        '"Bile, is made by?",Heart,Lung,Liver,Spleen,C\nBlood?,a,b,c,d,A\n'
    )
    (tmp_path / "anatomy_dev.csv").write_text("Shown?,a,b,c,d,A\n")
    (tmp_path / "clinical_knowledge_test.csv").write_text("Pulse?,a,b,c,d,D\nBroken,a\n")

    found = read(tmp_path)

    assert asked(found) == [
        ("anatomy", "Bile, is made by?", 2),
        ("anatomy", "Blood?", 0),
        ("clinical_knowledge", "Pulse?", 3),
    ]
    assert found.unusable == {"unparsed_row": 1}
    assert len({record.id for record in found.records}) == 3


def test_named_columns_may_be_the_letters(tmp_path: Path):
    (tmp_path / "anatomy.csv").write_text("question,A,B,C,D,answer\nBile?,Heart,Lung,Liver,Spleen,C\n")

    (record,) = read(tmp_path).records

    assert (record.options, record.answer_index) == (OPTIONS, 2)


def test_one_file_names_the_subset_of_each_row(tmp_path: Path):
    rows = [row("Bile?", 2, subject="anatomy"), row("Star?", 0, subject="astronomy")]
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))

    found = read(path)

    assert asked(found) == [("anatomy", "Bile?", 2)]
    assert found.unusable == {"filtered": 1}


def test_a_single_row_tells_how_its_answer_counts(tmp_path: Path):
    # Unlike other sets MMLU always counts from 0, so that no 0 is needed to see it.
    path = tmp_path / "college_biology.jsonl"
    path.write_text(json.dumps(row("Cell?", 3)))

    assert asked(read(path)) == [("college_biology", "Cell?", 3)]


def test_a_folder_of_example_rows_alone_is_refused(tmp_path: Path):
    (tmp_path / "anatomy_dev.csv").write_text("Shown?,a,b,c,d,A\n")

    with pytest.raises(DataError, match="medical subsets"):
        read(tmp_path)
