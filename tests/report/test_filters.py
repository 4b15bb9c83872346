"""Filters count what they keep, and put nothing of the data into an attribute."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.report.filters import Filed, filters_of
from medadapt.report.pairs import Pair
from medadapt.report.sections import Filter


def pair(
    name: str = "a", *, question: str = "q", right: tuple[bool, bool] = (True, True), sure: float = 0.5, **fields: str
) -> Pair:  # fmt: skip
    record = Record(id=name, source_row=1, group=name, question=question, answer="Gout", **fields)  # type: ignore[arg-type]
    said = Prediction(id=name, model="m", prompt_sha256="", choice="x", probabilities={"x": sure})
    return Pair(
        record=record,
        baseline=said,
        tuned=said,
        baseline_right=right[0],
        tuned_right=right[1],
        tuned_answer="x",
        gain=0.0,
    )


def kept(filters: Sequence[Filter], filed: Sequence[Filed], name: str, text: str) -> list[int]:
    """Places of the records that the choice with this text keeps."""
    (choice,) = [c for f in filters if f.name == name for c in f.choices if c.text == text]
    places = [place for place, own in enumerate(filed) if choice.token in own.get(name, "").split()]  # type: ignore[call-overload]
    assert len(places) == choice.count
    return places


def test_a_confident_mistake_is_found_under_what_it_is_and_as_confident() -> None:
    listed = [
        pair(right=(True, False), sure=0.9),
        pair(right=(False, False), sure=0.9),
        pair(right=(False, False), sure=0.3),
        pair(right=(False, True), sure=0.9),
    ]
    filters, filed = filters_of(listed, listed, None)
    assert kept(filters, filed, "kind", "Confident and wrong") == [0, 1]
    assert kept(filters, filed, "kind", "Regressions: right, then wrong") == [0]
    assert kept(filters, filed, "kind", "Both wrong") == [1, 2]
    assert kept(filters, filed, "kind", "Fixes: wrong, then right") == [3]


def test_subjects_and_question_types_are_chosen_by_number() -> None:
    listed = [pair(subject="B", qtype="cause"), pair(subject="A", qtype="cause"), pair(subject="B"), pair()]
    filters, filed = filters_of(listed, listed, None)
    assert kept(filters, filed, "subject", "B") == [0, 2]
    assert kept(filters, filed, "subject", "A") == [1]
    assert "qtype" not in {f.name for f in filters}  # one value tells no records apart


def test_a_field_of_free_text_is_no_filter() -> None:
    listed = [pair(subject=f"s{i}") for i in range(61)]
    assert "subject" not in {f.name for f in filters_of(listed, listed, None)[0]}


@given(lengths=st.lists(st.integers(1, 300), min_size=1, max_size=80))
def test_every_length_lies_in_the_range_it_is_filed_under(lengths: list[int]) -> None:
    listed = [pair(question="x" * length) for length in lengths]
    filters, filed = filters_of(listed, listed, None)
    choices = {c.token: c for f in filters if f.name == "length" for c in f.choices}
    assert sum(c.count for c in choices.values()) in {0, len(lengths)}
    assert bool(choices) == (len(set(lengths)) > 1 and len({own.get("length") for own in filed}) > 1)
    for length, own in zip(lengths, filed, strict=True):
        if choices:
            first, last = map(int, re.findall(r"\d+", choices[own["length"]].text))
            assert first <= length <= last


def test_overlaps_are_told_apart_from_records_without_any() -> None:
    listed = [pair("a"), pair("b"), pair("c")]
    flagged = {"a": ["near", "a layer of tomorrow"], "b": ["near"]}
    filters, filed = filters_of(listed, listed, flagged)
    assert kept(filters, filed, "overlap", "nearly the same input") == [0, 1]
    assert kept(filters, filed, "overlap", "a layer of tomorrow") == [0]
    assert kept(filters, filed, "overlap", "None found") == [2]
    assert "overlap" not in {f.name for f in filters_of(listed, listed, None)[0]}


@given(texts=st.lists(st.text(min_size=1), min_size=2, max_size=6))
def test_tokens_are_words_of_ours_whatever_the_data_holds(texts: list[str]) -> None:
    listed = [pair(text, subject=text, qtype=text, label=text) for text in texts]
    filters, filed = filters_of(listed, listed, {texts[0]: [texts[0]]})
    tokens = [c.token for f in filters for c in f.choices] + [t for own in filed for t in own.values()]
    assert all(re.fullmatch("[a-z0-9_]+( [a-z0-9_]+)*|", token) for token in tokens)
