from __future__ import annotations

import datetime
import decimal
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medadapt.core.errors import DataError
from medadapt.records.reading.parquet_rows import ROWS_AT_ONCE, read_parquet
from medadapt.records.rows import FilePlace


def read(path: Path, repairs: Counter[str] | None = None) -> list[dict[str, Any]]:
    rows = read_parquet(path, FilePlace(name="t.parquet"), repairs=Counter() if repairs is None else repairs)
    return [row.values for row in rows]


def write(path: Path, **columns: Any) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_cells_keep_their_types_and_what_json_lacks_becomes_text(tmp_path: Path):
    repairs: Counter[str] = Counter()
    path = write(
        tmp_path / "t.parquet",
        text=["a\r\nb"],
        number=[3],
        nothing=pa.array([None], pa.string()),
        missing=[float("nan")],
        options=[["one", "two"]],
        turns=[[{"role": "user", "content": "Hi"}]],
        day=[datetime.date(2020, 1, 2)],
        price=[decimal.Decimal("1.50")],
        picture=[b"\x89PNG"],
    )

    assert read(path, repairs) == [
        {
            "text": "a\nb",
            "number": 3,
            "nothing": None,
            "missing": None,
            "options": ["one", "two"],
            "turns": [{"role": "user", "content": "Hi"}],
            "day": "2020-01-02",
            "price": "1.50",
            "picture": None,
        }
    ]
    assert repairs == {"carriage returns made newlines": 1, "cells of bytes left out": 1}


def test_rows_are_numbered_across_batches(tmp_path: Path):
    num_rows = 2 * ROWS_AT_ONCE + 5
    path = write(tmp_path / "t.parquet", n=list(range(num_rows)))

    rows = list(read_parquet(path, FilePlace(name="t", several=True), repairs=Counter()))

    assert [row.values["n"] for row in rows] == list(range(num_rows))
    assert rows[-1].source_row == f"t:{num_rows}"


@pytest.mark.parametrize("content", [b"", b"PAR1 not really PAR1", b"a,b\n1,2\n"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "t.parquet").write_bytes(content)

    with pytest.raises(DataError, match=r"t\.parquet cannot be read as Parquet"):
        read(tmp_path / "t.parquet")


def test_a_file_cut_off_in_the_middle_is_refused(tmp_path: Path):
    path = write(tmp_path / "t.parquet", text=[str(random.Random(n).random()) for n in range(500)])
    path.write_bytes(path.read_bytes()[:2000])

    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path):
    pq.write_table(
        pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), tmp_path / "t.parquet"
    )

    with pytest.raises(DataError, match="two columns called 'a'"):
        read(tmp_path / "t.parquet")


def test_classes_of_the_datasets_library_have_their_names(prepared: Callable[..., Any], tmp_path: Path):
    from datasets import ClassLabel, Dataset, Features, Value

    texts = ("I cough", "I sneeze", "my knee hurts", "my back hurts", "nothing")
    names = ClassLabel(names=["Influenza", "Arthritis"])
    letters = ClassLabel(names=["A", "B"])
    Dataset.from_dict(
        {"text": texts, "label": [0, 0, 1, 1, -1], "letter": [0, 1, 0, 1, 0]},
        features=Features({"text": Value("string"), "label": names, "letter": letters}),
    ).to_parquet(tmp_path / "rows.parquet")

    result = prepared(None, format="symptom_table", source=str(tmp_path / "rows.parquet"))

    assert result.facts["labels"] == ["Arthritis", "Influenza"]
    assert result.reasons == {5: "unlabelled"}
    assert [row["letter"] for row in read(tmp_path / "rows.parquet")] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    "written", [b"no JSON", b"[]", b'{"info": {"features": {"n": 3}}}', b'{"info": null}']
)
def test_what_other_programs_write_beside_the_columns_is_left_alone(tmp_path: Path, written: bytes):
    table = pa.table({"n": [3]}).replace_schema_metadata({b"huggingface": written})
    pq.write_table(table, tmp_path / "t.parquet")

    assert read(tmp_path / "t.parquet") == [{"n": 3}]


def test_an_exam_in_parquet_gives_the_records_of_its_json_lines(prepared: Callable[..., Any], tmp_path: Path):
    rows = [
        {"question": question, "options": ["yes", "no", f"not {n}"], "answer_idx": n % 3}
        for n, question in enumerate(
            ("Is gout painful?", "Do toes bleed?", "Can ears ring?", "Will hair grow?")
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")

    result = prepared(None, format="multiple_choice", source=str(tmp_path / "rows.parquet"), answer_base=0)

    assert [record.options for record in result.records] == [row["options"] for row in rows]
    assert [record.answer_index for record in result.records] == [0, 1, 2, 0]
    assert result.facts["encoding"] == {"rows.parquet": "parquet"}
