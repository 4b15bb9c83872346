"""Records and predictions come back from the disk as they were."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.files import write_jsonl
from medadapt.core.records import Record, read_records, write_records
from medadapt.core.results import Prediction, read_predictions

WORDS = st.text(max_size=30)


def _index_within(record: Record) -> int | None:
    index, options = record.answer_index, record.options
    return None if index is not None and options is not None and index >= len(options) else index


RECORDS = st.builds(
    Record,
    id=WORDS,
    source_row=st.integers(1, 10**9) | WORDS,
    group=WORDS,
    question=WORDS,
    answer=WORDS,
    history=st.lists(st.fixed_dictionaries({"role": WORDS, "content": WORDS}), max_size=2),
    context=st.none() | WORDS,
    label=st.none() | WORDS,
    options=st.none() | st.lists(WORDS, max_size=5),
    answer_index=st.none() | st.integers(0, 4),
    explanation=st.none() | WORDS,
    qtype=st.none() | WORDS,
    meta=st.dictionaries(WORDS, st.none() | WORDS | st.integers(), max_size=2),
).map(lambda record: replace(record, answer_index=_index_within(record)))
LIKELY = st.floats(-1e6, 0)


@st.composite
def predictions_(draw: st.DrawFn) -> Prediction:
    """A prediction that agrees with itself."""
    scores = draw(st.none() | st.dictionaries(WORDS, LIKELY, min_size=1, max_size=3))
    weights = {name: math.exp(score - max(scores.values())) for name, score in (scores or {}).items()}
    total = sum(weights.values())
    return Prediction(
        id=draw(WORDS),
        model=draw(st.sampled_from(["baseline", "tuned"])),
        prompt_sha256=draw(WORDS),
        text=draw(st.none() | WORDS),
        parsed=draw(st.none() | st.sampled_from(sorted(scores))) if scores else draw(st.none() | WORDS),
        choice=max(scores, key=lambda name: scores[name]) if scores else None,
        scores=scores,
        probabilities={name: weight / total for name, weight in weights.items()} if scores else None,
        nll=draw(st.none() | st.floats(0, 1e6)),
        num_tokens=draw(st.none() | st.integers(0, 9999)),
        num_bytes=draw(st.none() | st.integers(0, 9999)),
        truncated=draw(st.booleans()),
        similarity=draw(st.none() | st.floats(-1, 1)),
    )


PREDICTIONS = predictions_()


@given(st.lists(RECORDS, max_size=3))
def test_records_come_back_as_they_were(records: list[Record]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.jsonl"

        assert write_records(path, records) == len(records)

        assert list(read_records(path)) == records


@given(st.lists(PREDICTIONS, max_size=3, unique_by=lambda prediction: prediction.id))
def test_predictions_come_back_to_the_last_bit(predictions: list[Prediction]):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tuned.jsonl"

        write_jsonl(path, predictions)

        assert list(read_predictions(path)) == predictions


def test_a_split_without_records_is_an_empty_file(tmp_path: Path):
    assert write_records(tmp_path / "test.jsonl", []) == 0
    assert (tmp_path / "test.jsonl").read_bytes() == b""
    assert list(read_records(tmp_path / "test.jsonl")) == []


def test_every_field_of_a_record_is_on_its_line(tmp_path: Path):
    record = Record(id="a", source_row=1, group="g", question="q", answer="x")
    write_records(tmp_path / "test.jsonl", [record])

    assert (tmp_path / "test.jsonl").read_text(encoding="utf-8") == (
        '{"id": "a", "source_row": 1, "group": "g", "question": "q", "answer": "x", "history": [], '
        '"context": null, "label": null, "options": null, "answer_index": null, "explanation": null, '
        '"qtype": null, "subject": null, "topic": null, "meta": {}}\n'
    )


def test_a_key_of_a_later_version_is_passed_over(tmp_path: Path):
    (tmp_path / "r.jsonl").write_text(
        '{"id": "a", "source_row": 1, "group": "g", "question": "q", "answer": "x", "mood": "good"}\n'
    )

    assert [record.id for record in read_records(tmp_path / "r.jsonl")] == ["a"]
