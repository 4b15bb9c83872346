"""The sample files: the same bytes for a seed, other ones for another, in the layouts of real sources."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from medadapt.samples.bundled import DATA, FILE_OF_SAMPLE
from medadapt.samples.generating.contents import sample_contents
from medadapt.samples.generating.files import SampleFile, sample_files
from medadapt.samples.knowledge import load_conditions


@pytest.fixture(scope="module")
def contents() -> dict[str, bytes]:
    return sample_contents(0)


@pytest.fixture(scope="module")
def files() -> list[SampleFile]:
    return sample_files(load_conditions(), 0)


def test_the_package_data_are_the_files_of_seed_0_byte_for_byte(contents):
    assert set(contents) == {path.relative_to(DATA).as_posix() for path in DATA.rglob("*") if path.is_file()}
    for place, content in contents.items():
        assert (DATA / place).read_bytes() == content, f"{place}: run python -m medadapt.samples.generating"


def test_the_same_seed_gives_the_same_bytes_again(contents, files):
    assert {file.path: file.content for file in files}.items() <= contents.items()


def test_other_seeds_give_other_rows_of_the_same_sizes(files):
    for file, other in zip(
        sample_files(load_conditions(), 0), sample_files(load_conditions(), 1), strict=True
    ):
        assert (other.path, other.num_rows) == (file.path, file.num_rows)
        assert other.content != file.content


def test_the_data_card_says_what_the_files_are(contents, files):
    card = contents["README.md"].decode("utf-8")
    for words in ("synthetic", "seed 0", "conditions.yaml", "not been reviewed by clinicians", "Apache-2.0"):
        assert words in card
    for file in files:
        assert f"| `{file.path}` | {file.num_rows:,} |" in card
        assert all(f"| `{file.path}` | {kind} | {count:,} |" in card for kind, count in file.planted.items())


def test_all_files_together_stay_small(contents):
    assert sum(map(len, contents.values())) < 2_500_000


def test_no_file_has_a_byte_order_mark_or_a_carriage_return_outside_its_texts(contents):
    for place, content in contents.items():
        assert not content.startswith(b"\xef\xbb\xbf"), place
        assert b"\r" not in content, place


def _columns_of(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return next(csv.reader(text.splitlines()))
    rows = json.loads(text) if text.startswith("[") else [json.loads(text.splitlines()[0])]
    return list(rows[0])


@pytest.mark.parametrize(
    ("name", "real"),
    [
        ("symptoms", "symptom_disease/dataset.csv"),
        ("typed_qa", "medquad/train.csv"),
        ("dialogues", "dialogues/genmedgpt5k_part.json"),
        ("qa", "open_medical_qa/wikidoc_patient_information.json"),
        ("mcq", "medmcqa/medmcqa_validation.jsonl"),
    ],
)
def test_columns_are_those_of_the_real_source(name: str, real: str, shared_data: Path):
    ours = _columns_of(DATA / FILE_OF_SAMPLE[name])
    theirs = _columns_of(shared_data / real)
    assert sorted(ours) == sorted(theirs)
    if real.endswith(".csv"):
        assert ours == theirs


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("symptoms", ["Disease", *(f"Symptom_{n}" for n in range(1, 18))]),
        ("typed_qa", ["qtype", "Question", "Answer"]),
        ("dialogues", ["instruction", "input", "output"]),
        ("qa", ["instruction", "input", "output"]),
        (
            "mcq",
            "question exp cop opa opb opc opd subject_name topic_name id choice_type".split(),  # noqa: SIM905
        ),
    ],
)
def test_every_row_has_the_columns_of_its_layout(made, name: str, columns: list[str]):
    assert all(list(row) == columns for row in made(name).rows)
