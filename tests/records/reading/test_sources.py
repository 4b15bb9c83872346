from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from medadapt.core.errors import DataError
from medadapt.core.recipe import DataSection
from medadapt.records.reading.sources import find_sources, source_hashes


def data(source: Path | str) -> DataSection:
    return DataSection(format="typed_qa", source=str(source))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.csv", "in/a.JSON", "in/c.xml", ".hidden/d.csv", "README.md"):
        path = tmp_path / "rows" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "rows"


def test_a_folder_gives_its_readable_files_by_name(folder: Path) -> None:
    assert [file.name for file in find_sources(data(folder)).files] == ["b.csv", "in/a.JSON", "in/c.xml"]


def test_a_glob_gives_the_files_it_matches(folder: Path) -> None:
    assert [file.name for file in find_sources(data(folder / "**" / "*.xml")).files] == ["c.xml"]


def test_a_sample_is_a_file_of_the_package() -> None:
    (file,) = find_sources(data("sample:rows/symptoms")).files
    assert file.path.is_file()


def test_hashes_are_those_of_the_bytes(folder: Path) -> None:
    assert source_hashes(data(folder / "b.csv")) == {"b.csv": hashlib.sha256(b"b.csv").hexdigest()}


def test_a_missing_file_is_named_with_the_nearest_one(folder: Path) -> None:
    with pytest.raises(DataError, match=r"bb\.csv does not exist; the nearest name is .*b\.csv"):
        find_sources(data(folder / "bb.csv"))


@pytest.mark.parametrize("name", ["README.md", "*.tsv"])
def test_what_cannot_be_read_says_what_can(folder: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"ends in \.csv"):
        find_sources(data(folder / name))


def test_the_nearest_name_is_found_in_any_case(folder: Path) -> None:
    (folder / "Dataset.CSV").write_text("x", encoding="utf-8")
    with pytest.raises(DataError, match=r"the nearest name is .*Dataset\.CSV"):
        find_sources(data(folder / "DATASETS.csv"))


def test_a_folder_of_save_to_disk_is_told_how_to_become_readable(tmp_path: Path):
    from datasets import Dataset

    Dataset.from_list([{"question": "q", "answer": "a"}]).save_to_disk(tmp_path / "saved")

    with pytest.raises(DataError, match="save_to_disk") as refused:
        find_sources(DataSection(format="dialogue", source=str(tmp_path / "saved")))

    assert "to_parquet" in refused.value.remedy
