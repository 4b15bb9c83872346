"""Containment and boilerplate, held against plain sets of tuples of words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.records import Record
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.containment import boilerplate, contained_shares, split_texts
from medadapt.records.likeness.leakage import measure_leakage
from medadapt.records.likeness.windows import among, distinct, window_texts

WORDS = st.lists(st.sampled_from(["a", "b", "c"]), max_size=12).map(" ".join)
TEXTS = st.lists(WORDS, max_size=5)


def windows(text: str) -> list[tuple[str, ...]]:
    """Every run of eight words, or the whole of a shorter text; nothing of an empty one."""
    words = tuple(text.split())
    if len(words) < 8:
        return [words] if words else []
    return [words[start : start + 8] for start in range(len(words) - 7)]


def share(text: str, seen: set[tuple[str, ...]]) -> float:
    mine = set(windows(text))
    return len(mine & seen) / len(mine) if mine else 0.0


def all_windows(texts: list[str]) -> set[tuple[str, ...]]:
    return {window for text in texts for window in windows(text)}


def words_within(text: str, seen: set[tuple[str, ...]]) -> int:
    words = text.split()
    runs = [range(start, start + len(run)) for start, run in enumerate(windows(text)) if run in seen]
    return sum(any(place in run for run in runs) for place in range(len(words)))


def records(prefix: str, questions: list[str], answers: list[str] | None = None) -> list[Record]:
    return [
        Record(id=f"{prefix}{n}", source_row=n, group="", question=question, answer=(answers or questions)[n])
        for n, question in enumerate(questions)
    ]


@given(TEXTS, TEXTS)
def test_windows_are_equal_where_the_words_are(one: list[str], other: list[str]) -> None:
    found = window_texts([*one, *other]).windows
    for text, hashes in zip([*one, *other], found, strict=True):
        assert len(hashes) == len(windows(text))
    mine, seen = distinct(found[: len(one)]), distinct(found[len(one) :])
    assert len(mine) == len(all_windows(one))
    assert among(mine, seen).sum() == len(all_windows(one) & all_windows(other))


@given(TEXTS, TEXTS, TEXTS)
def test_shares_equal_those_of_sets(test: list[str], train: list[str], validation: list[str]) -> None:
    texts = split_texts(test, train, validation)
    shares = contained_shares(texts.test, distinct(texts.seen))
    assert shares.tolist() == [share(text, all_windows([*train, *validation])) for text in test]


@given(TEXTS, TEXTS, TEXTS)
def test_boilerplate_equals_a_count_word_by_word(
    test: list[str], train: list[str], validation: list[str]
) -> None:
    found = boilerplate(split_texts(test, train, validation))
    seen = all_windows(train)
    words = sum(len(text.split()) for text in test)
    if not words:
        assert (found["share"], found["words"], found["passage"]) == (None, None, None)
        assert "no words" in found["reason"]
        return
    assert found["share"] == pytest.approx(np.mean([share(text, seen) for text in test]))
    assert found["words"] == sum(words_within(text, seen) for text in test) / words
    holders = Counter(window for text in train for window in set(windows(text)))
    shared = {window: count for window, count in holders.items() if window in all_windows(test)}
    most = max(shared.values(), default=0)
    if most < 2:
        assert found["passage"] is None
        return
    passage = tuple(found["passage"]["text"].split())
    assert shared[passage] == found["passage"]["train"] == most
    assert found["passage"]["test"] == sum(passage in windows(text) for text in test)


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_the_report_counts_records_of_which_half_is_contained(
    test: list[str], answers: list[str], train: list[str], validation: list[str]
) -> None:
    answers = [*answers, *["nothing"] * len(test)][: len(test)]
    parts = {
        "train": records("t", train),
        "validation": records("v", validation),
        "test": records("e", test, answers),
    }
    found = measure_leakage(parts, "exact", task="qa")  # type: ignore[arg-type]
    seen = all_windows([*train, *validation])
    for texts, key in ((test, "question_containment"), (answers, "answer_containment")):
        shares = [share(text, seen) for text in texts]
        assert found[key]["count"] == sum(value >= 0.5 for value in shares)
        assert found[key]["median_share"] == (median(shares) if shares else None)
        flag = key.split("_", maxsplit=1)[0]
        assert [flag in found["flagged"].get(f"e{n}", []) for n in range(len(test))] == [
            value >= 0.5 for value in shares
        ]
    assert found["answer_containment"]["exact"] == sum(answer in train for answer in answers)


PASSAGE = "the human body has two kidneys and one liver below the heart"


def test_a_text_put_together_from_two_others_is_contained() -> None:
    other = "nobody knows why some people never get a cold in winter time"
    parts = {
        "train": records("t", [PASSAGE]),
        "validation": records("v", [other]),
        "test": records(
            "e", [f"{PASSAGE}. {other}", f"{PASSAGE.upper()}! That is what pupils learn.", PASSAGE[:30]]
        ),
    }
    found = measure_leakage(parts, "near", task="qa")  # type: ignore[arg-type]
    assert found["near"] == 0
    assert found["flagged"] == {"e0": ["question", "answer"], "e1": ["question", "answer"]}


def test_every_layer_names_the_records_that_it_finds() -> None:
    parts = {
        "train": records("t", [PASSAGE], ["one"]),
        "validation": [],
        "test": records("e", [PASSAGE, f"{PASSAGE}s", "What is new?", "Else?"], ["two", "3", "One", "4"]),
    }
    found = measure_leakage(parts, "near", task="qa")  # type: ignore[arg-type]
    assert found["flagged"] == {
        "e0": ["exact", "near", "question"],
        "e1": ["near", "question"],
        "e2": ["answer"],
    }


@pytest.mark.parametrize("task", ["diagnosis", "multiple_choice"])
def test_a_label_that_stands_in_training_is_counted_and_no_flag(task: str) -> None:
    parts = {
        "train": records("t", ["fever"], ["flu"]),
        "validation": [],
        "test": records("e", ["cough"], ["Flu"]),
    }
    found = measure_leakage(parts, "exact", task=task)  # type: ignore[arg-type]
    assert (found["answer_containment"]["count"], found["answer_containment"]["exact"]) == (1, 1)
    assert found["flagged"] == {}
    assert found["boilerplate"]["share"] is None
    assert "by nature" in found["boilerplate"]["reason"]


def test_the_most_repeated_passage_is_one_that_test_answers_have() -> None:
    frequent = "train alone says this sentence of exactly eight words"
    parts = {
        "train": records(
            "t", [*[f"{n} {frequent}" for n in range(5)], *[f"{n} {PASSAGE}" for n in range(3)]]
        ),
        "validation": records("v", [f"{n} {PASSAGE}" for n in range(4)]),
        "test": records("e", [f"{PASSAGE} x", f"{PASSAGE} y", "something else"]),
    }
    passage = measure_leakage(parts, "near", task="qa")["boilerplate"]["passage"]  # type: ignore[arg-type]
    assert passage == {"text": " ".join(PASSAGE.split()[:8]), "train": 3, "test": 2}


def test_medquad_repeats_its_boilerplate(prepared, shared_data: Path) -> None:
    """Rows of one type: the answers of rare diseases are lists under the same sentences."""
    source = str(shared_data / "medquad" / "train.csv")
    limit = {"rows": 900, "by": "random"}
    found = prepared(None, format="typed_qa", source=source, types=["Symptoms"], limit=limit).facts["leakage"]
    assert (found["exact"], found["near"]) == (0, 0)
    assert found["boilerplate"]["words"] > 0.5
    assert found["boilerplate"]["passage"]["text"].startswith("the human phenotype ontology provides")
    assert found["answer_containment"]["count"] > 2 * found["question_containment"]["count"]


@pytest.mark.slow
def test_all_of_medquad_in_plain_sets(prepared, shared_data: Path) -> None:
    """Every count of the whole source, against sets of tuples; 1,782 answers carry one boilerplate."""
    result = prepared(None, format="typed_qa", source=str(shared_data / "medquad" / "train.csv"))
    answers = {
        name: [normal_form(record.answer) for record in records] for name, records in result.splits.items()
    }
    seen = all_windows([*answers["train"], *answers["validation"]])
    train = all_windows(answers["train"])
    found = result.facts["leakage"]
    assert found["answer_containment"]["count"] == sum(share(text, seen) >= 0.5 for text in answers["test"])
    boiled = found["boilerplate"]
    assert boiled["share"] == pytest.approx(np.mean([share(text, train) for text in answers["test"]]))
    words = sum(len(text.split()) for text in answers["test"])
    assert boiled["words"] == sum(words_within(text, train) for text in answers["test"]) / words
    whole = [text for texts in answers.values() for text in texts]
    assert sum(boiled["passage"]["text"] in text for text in whole) == 1782
