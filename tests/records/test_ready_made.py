"""Splits that the source gives: never mixed, each row accounted for, leakage between them measured."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from medadapt.core.errors import DataError
from medadapt.records.data_notes import data_notes

Rows = list[tuple[str, str]]
TRAIN = [("What is gout?", "Crystals."), ("Where is the spleen?", "Left."), ("Who gets scurvy?", "Sailors.")]
TEST = [("Why do ears ring?", "Noise."), ("How long does flu last?", "A week.")]


@pytest.fixture
def given(prepared: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """`given(train=rows, test=rows)` prepares splits of question and answer, each from a file `rows.json`."""

    def run(format: str = "question_answer", smoke: bool = False, seed: int = 0, **splits: Any) -> Any:
        data = {key: splits.pop(key) for key in ("limit", "columns") if key in splits}
        source = {}
        for name, rows in splits.items():
            path = tmp_path / name / "rows.json"
            path.parent.mkdir(exist_ok=True)
            entries = [dict(zip(("question", "answer", "id"), row, strict=False)) for row in rows]
            path.write_text(json.dumps(entries), encoding="utf-8")
            source[name] = str(path)
        return prepared(None, format=format, source=source, smoke=smoke, seed=seed, **data)

    return run


@pytest.mark.parametrize("seed", [0, 1])
def test_every_row_stays_in_its_split(given: Callable[..., Any], seed: int):
    result = given(train=TRAIN, validation=[("Is rest good?", "Yes.")], test=TEST, seed=seed)

    assert [(r.question, r.answer) for r in result.splits["train"]] == TRAIN
    assert [(r.question, r.answer) for r in result.splits["validation"]] == [("Is rest good?", "Yes.")]
    assert [(r.question, r.answer) for r in result.splits["test"]] == TEST
    assert result.facts["group_rule"] == "ready-made"
    assert result.facts["split"]["asked"] == "ready-made splits"


def test_rows_are_named_after_their_split(given: Callable[..., Any]):
    result = given(train=TRAIN, test=TEST)

    assert [record.source_row for record in result.splits["test"]] == ["test/rows.json:1", "test/rows.json:2"]
    ids = [record.id for record in result.records]
    assert len(set(ids)) == len(ids)


def test_ids_that_begin_anew_in_each_split_get_its_name(given: Callable[..., Any]):
    rows = [[(*row, str(n)) for n, row in enumerate(part)] for part in (TRAIN, TEST)]

    result = given(train=rows[0], test=rows[1], columns={"id": "id"})

    assert [record.id for record in result.splits["test"]] == ["test-0", "test-1"]


def test_ids_that_are_unique_stay(given: Callable[..., Any]):
    result = given(
        train=[(*row, f"a{n}") for n, row in enumerate(TRAIN)], test=[(*TEST[0], "b0"), (*TEST[1], "b1")]
    )

    assert [record.id for record in result.splits["test"]] == ["b0", "b1"]


def test_leakage_between_given_splits_is_measured_and_nothing_is_moved(given: Callable[..., Any]):
    alike = ("Where in the body is the spleen of an adult?", "Left.")
    nearly = ("Where in the body is the spleen of an adult man?", "Left.")

    result = given(train=[*TRAIN, alike], test=[*TEST, TRAIN[0], nearly])

    assert (len(result.splits["train"]), len(result.splits["test"])) == (4, 4)
    assert (result.facts["leakage"]["exact"], result.facts["leakage"]["near"]) == (1, 2)
    assert result.facts["leakage"]["gated"] == ["exact"]


def test_test_records_of_a_group_that_is_trained_on_are_counted_and_told(given: Callable[..., Any]):
    rows = [[(*row, f"P{n}") for n, row in enumerate(part)] for part in (TRAIN, TEST)]

    named = given(train=rows[0], test=[*rows[1], ("Is tea warm?", "Yes.", "P9")], columns={"group": "id"})

    assert named.facts["leakage"]["same_group"] == 2
    assert list(data_notes(named.facts)) == [
        "2 of 3 test records are of a group that is also in train or validation"
    ]
    assert given(train=rows[0], test=rows[1]).facts["leakage"]["same_group"] is None


def test_a_row_that_comes_twice_in_one_split_is_dropped_there(given: Callable[..., Any]):
    result = given(train=[*TRAIN, TRAIN[0]], test=TEST)

    assert result.reasons == {"train/rows.json:4": "duplicate"}


def test_a_limit_shortens_train_alone(given: Callable[..., Any]):
    result = given(train=TRAIN, test=TEST, limit={"rows": 1})

    assert {name: len(part) for name, part in result.splits.items()} == {
        "train": 1,
        "validation": 0,
        "test": 2,
    }
    assert result.facts["dropped"] == {"over_limit": 2}


def test_a_hidden_test_split_is_refused(prepared: Callable[..., Any], tmp_path: Path):
    for name, answers in (("train", (0, 1, 2, 3)), ("test", (-1, -1, -1, -1))):
        rows = [
            {"question": f"{name} {'abcd'[n] * 9}?", "options": ["w", "x", "y", "z"], "answer_idx": answer}
            for n, answer in enumerate(answers)
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows), encoding="utf-8")
    source = {name: str(tmp_path / f"{name}.json") for name in ("train", "test")}

    with pytest.raises(DataError, match=r"data\.source\.test: .*test\.json leaves no usable rows") as raised:
        prepared(None, format="multiple_choice", source=source)
    assert "validation set as test" in raised.value.remedy


def test_labels_that_only_one_split_has_are_listed(prepared: Callable[..., Any], tmp_path: Path):
    tables = {
        "train": "symptoms,label\nitching nose,Cold\nsore leg,Strain\n",
        "test": "symptoms,label\nred eye,Cold\nburning chest,Reflux\n",
    }
    for name, table in tables.items():
        (tmp_path / f"{name}.csv").write_text(table, encoding="utf-8")
    source = {name: str(tmp_path / f"{name}.csv") for name in tables}

    facts = prepared(None, format="symptom_table", source=source).facts

    assert facts["labels"] == ["Cold", "Reflux", "Strain"]
    assert facts["labels_without_train"] == ["Reflux"]
    assert facts["labels_without_test"] == ["Strain"]


def test_a_smoke_run_keeps_a_share_of_each_split(given: Callable[..., Any]):
    words = ("gout", "flu", "asthma", "scurvy", "mumps", "rickets", "tetanus", "cholera", "eczema", "anaemia")
    rows = [(f"{first} with {second}, why?", f"{n}") for n, first in enumerate(words) for second in words]

    result = given(train=rows[:60], validation=rows[60:80], test=rows[80:], smoke=True)

    assert {name: len(part) for name, part in result.splits.items()} == {
        "train": 24,
        "validation": 4,
        "test": 4,
    }


def test_a_smoke_run_tests_labels_that_are_trained(prepared: Callable[..., Any], tmp_path: Path):
    labels = ("Cold", "Gout", "Flu", "Mumps", "Acne", "Rash")
    for name, number in (("train", 9), ("test", 3)):
        lines = [
            f"{label} sign {'xyzuvwabc'[n] * 4} {name},{label}" for label in labels for n in range(number)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join(["symptoms,label", *lines]), encoding="utf-8")
    source = {name: str(tmp_path / f"{name}.csv") for name in ("train", "test")}

    splits = prepared(None, format="symptom_table", source=source, smoke=True).splits

    trained, tested = ({record.label for record in splits[name]} for name in ("train", "test"))
    assert len(trained) == 4
    assert tested == trained
    assert (len(splits["train"]), len(splits["test"])) == (24, 4)
