"""A predictions file that was cut, edited or exchanged is refused with file and line, and never guessed at."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.choice_rules import CHOICE_RULES
from medadapt.core.errors import DataError
from medadapt.core.prediction_rows import ADDED_LATER, FIELDS
from medadapt.core.results import Prediction, read_predictions

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A line as `medadapt predict` writes it."""
    values = Prediction(
        id=f"r{number}",
        model="tuned",
        prompt_sha256="sha",
        text="B",
        parsed="B",
        choice="A",
        scores={"A": -1.0, "B": -2.0},
        choices={"sum": "A", "per_token": "A", "per_byte": "A", "relative": "B"},
        probabilities={"A": 0.75, "B": 0.25},
        nll=3.5,
        num_tokens=2,
        num_bytes=6,
        similarity=0.5,
    )
    return asdict(values) | changes


def write(folder: Path, *rows: Any) -> Path:
    path = folder / "4-predictions" / "tuned.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(each) + "\n" for each in rows), encoding="utf-8")
    return path


def refused(path: Path, **asked: Any) -> str:
    """What is said of a file that is refused."""
    with pytest.raises(DataError) as problem:
        list(read_predictions(path, **asked))
    assert problem.value.remedy
    assert problem.value.exit_code == 2
    return problem.value.problem


def test_every_field_of_a_prediction_has_its_rule():
    assert FIELDS.keys() - ADDED_LATER == {f.name for f in fields(Prediction)} - ADDED_LATER


def test_a_line_as_it_was_written_is_read(tmp_path: Path):
    assert [asdict(found) for found in read_predictions(write(tmp_path, row(0), row(1)))] == [row(0), row(1)]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": 7}, "`id` is 7, not a text"),
        ({"id": None}, "`id` is None, not a text"),
        ({"truncated": "no"}, "`truncated` is 'no', not true or false"),
        ({"truncated": 0}, "`truncated` is 0, not true or false"),
        ({"nll": "3.5"}, "`nll` is '3.5', not a finite number, not below 0, or null"),
        ({"nll": True}, "`nll` is True, not a finite number, not below 0, or null"),
        ({"nll": 10**400}, "`nll` is 1000"),
        ({"nll": -0.02}, "`nll` is -0.02, not a finite number, not below 0, or null"),
        ({"num_tokens": 2.5}, "`num_tokens` is 2.5, not a whole number"),
        ({"num_bytes": -1}, "`num_bytes` is -1, not a whole number"),
        ({"text": ["B"]}, "`text` is ['B'], not a text or null"),
        ({"scores": [-1.0, -2.0]}, "`scores` is [-1.0, -2.0], not an object of log-likelihoods"),
        (
            {"scores": {"A": -1.0, "B": "low"}},
            "`scores` is {'A': -1.0, 'B': 'low'}, not an object of log-likelihoods",
        ),
        ({"scores": {"A": 0.02, "B": -2.0}}, "not an object of log-likelihoods, none above 0, or null"),
        ({"scores": None}, "`scores` and `probabilities` are of different labels or letters"),
        ({"scores": {"A": -1.0, "C": -2.0}}, "`scores` and `probabilities` are of different labels"),
        ({"probabilities": {"A": 1.75, "B": 0.25}}, "not an object of numbers from 0 to 1"),
        ({"probabilities": {"A": 0.75, "B": 0.15}}, "its `probabilities` add up to 0.9, not to 1"),
        ({"choice": "C"}, "`choice` is 'C', which was not scored"),
        ({"choice": None}, "`choice` is None, which was not scored"),
        ({"choice": "B"}, "`choice` is 'B', which is not the most probable"),
        (
            {"choice": None, "scores": None, "probabilities": None},
            "`choices` is {'sum': 'A', 'per_token': 'A', 'per_byte': 'A', 'relative..., but nothing was scored",
        ),
        (
            {"choices": {"sum": "A"}},
            "`choices` is of the rules ['sum'], not of sum, per_token, per_byte, relative",
        ),
        ({"choices": dict.fromkeys(CHOICE_RULES, "A") | {"luck": "A"}}, "'luck'], not of sum, per_token"),
        (
            {"choices": dict.fromkeys(CHOICE_RULES, "A") | {"sum": "C"}},
            "`choices` has 'C', which was not scored",
        ),
        ({"choices": dict.fromkeys(CHOICE_RULES, "B")}, "`choice` is 'A', which no rule of `choices` chose"),
        ({"choice": "A", "scores": None, "probabilities": None}, "`choice` is 'A', but nothing was scored"),
        ({"parsed": "Z"}, "`parsed` is 'Z', which was not scored"),
        ({"similarity": 1.5}, "`similarity` is 1.5, not a number from -1 to 1"),
        (
            {"probabilities": None, "choices": None},
            "it has neither `probabilities` nor the `choices` of each rule",
        ),
        ({"probabilities": None, "choice": "C"}, "`choice` is 'C', which was not scored"),
        (
            {"probabilities": None, "choices": dict.fromkeys(CHOICE_RULES, "A") | {"relative": "C"}},
            "`choices` has 'C', which was not scored",
        ),
        (
            {"probabilities": None, "choices": dict.fromkeys(CHOICE_RULES, "A") | {"sum": "B"}},
            "`choices` has 'B' for `sum`, which does not have the highest score",
        ),
    ],
)
def test_an_edited_line_says_what_is_wrong_with_it(tmp_path: Path, change: dict[str, Any], told: str):
    path = write(tmp_path, row(0), row(1, **change))
    said = refused(path)
    assert said.startswith(f"{path}:2 is no prediction that can be used: ")
    assert told in said


@pytest.mark.parametrize("change", [{"nll": -0.005}, {"scores": {"A": 0.005, "B": -2.0}}])
def test_what_is_certain_in_16_bits_may_lie_a_little_beyond_certainty(tmp_path: Path, change: dict[str, Any]):
    (found,) = read_predictions(write(tmp_path, row(0, **change)))
    assert asdict(found) == row(0, **change)


def test_a_line_of_which_only_the_best_were_looked_for_is_read(tmp_path: Path):
    whole, best = read_predictions(write(tmp_path, row(0), row(1, probabilities=None)))
    assert (whole.only_best, best.only_best) == (False, True)


@pytest.mark.parametrize("name", sorted({f.name for f in fields(Prediction)} - ADDED_LATER))
def test_a_missing_key_is_named(tmp_path: Path, name: str):
    line = row(1)
    del line[name]
    assert f"tuned.jsonl:2 is no prediction that can be used: it lacks `{name}`" in refused(
        write(tmp_path, row(0), line)
    )


def test_a_key_of_an_earlier_version_may_be_missing_and_one_of_a_later_is_passed_over(tmp_path: Path):
    line = row(0, mood="good")
    del line["similarity"], line["choices"]
    (found,) = read_predictions(write(tmp_path, line))
    assert (found.similarity, found.choices) == (None, None)


def test_choices_of_an_earlier_version_may_be_null(tmp_path: Path):
    (found,) = read_predictions(write(tmp_path, row(0, choices=None)))
    assert found.choice == "A"


@pytest.mark.parametrize("line", [[1, 2], "text", 3, None])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: Any):
    assert "tuned.jsonl:1 is no prediction that can be used: it holds" in refused(write(tmp_path, line))


def test_a_record_that_stands_twice_names_both_lines(tmp_path: Path):
    path = write(tmp_path, row(0), row(1), row(0))
    assert refused(path).endswith(
        ":3 is no prediction that can be used: it is of record r0, and so is line 1."
    )


def test_predictions_of_the_other_model_are_refused(tmp_path: Path):
    said = refused(write(tmp_path, row(0)), model="baseline")
    assert said.endswith("it is of the model 'tuned', not of baseline.")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str):
    path = write(tmp_path, row(0))
    path.write_text(path.read_text().replace("3.5", number))
    assert "tuned.jsonl:1" in refused(path)


@pytest.mark.parametrize("line", [b'{"id": "r1", \xff\xfe', b"[" * 100_000, b"\x00\x00"])
def test_a_line_of_garbage_is_named(tmp_path: Path, line: bytes):
    path = write(tmp_path, row(0))
    path.write_bytes(path.read_bytes() + line + b"\n")
    assert "tuned.jsonl:2 is damaged" in refused(path)


@given(cut=st.integers(1, 200), tail=st.binary(max_size=4))
def test_a_file_cut_inside_its_last_line_is_never_read_to_its_end(cut: int, tail: bytes):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), row(0), row(1))
        path.write_bytes(path.read_bytes()[: -1 - cut] + tail.replace(b"}", b"").replace(b"\n", b""))
        assert "tuned.jsonl:2" in refused(path)


@given(name=st.sampled_from([f.name for f in fields(Prediction)]), value=ANYTHING)
def test_any_other_value_is_read_as_it_is_or_refused_with_its_line(name: str, value: Any):
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), row(0), row(1) | {name: value})
        told = ""
        try:
            found = list(read_predictions(path))
        except DataError as problem:
            told = problem.problem
        if told:
            assert "tuned.jsonl:2" in told
        else:
            assert [asdict(each) for each in found] == [row(0), row(1) | {name: value}]
