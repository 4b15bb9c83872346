from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.records import Record
from medadapt.records.cleaning.texts import normal_form
from medadapt.records.likeness.groups import with_groups
from medadapt.records.likeness.leakage import measure_leakage


def records(prefix: str, questions: list[str]) -> list[Record]:
    return [
        Record(id=f"{prefix}{n}", source_row=n, group="", question=question, answer="a")
        for n, question in enumerate(questions)
    ]


def similarity(one: str, other: str) -> float:
    first, second = ({text[p : p + 5] for p in range(max(1, len(text) - 4))} for text in (one, other))
    return len(first & second) / len(first | second)


TEXTS = st.lists(st.text(alphabet="abC? ", min_size=1, max_size=14), max_size=8)


@given(TEXTS, TEXTS, TEXTS)
def test_counts_equal_an_exhaustive_comparison(
    train: list[str], validation: list[str], test: list[str]
) -> None:
    parts = {"train": records("t", train), "validation": records("v", validation), "test": records("e", test)}
    seen = [normal_form(text) for text in (*train, *validation)]
    leakage = measure_leakage(parts, "exact", task="qa")  # type: ignore[arg-type]
    assert leakage["exact"] == sum(normal_form(text) in seen for text in test)
    assert leakage["near"] == sum(any(similarity(normal_form(t), s) >= 0.8 for s in seen) for t in test)


@given(TEXTS, TEXTS, TEXTS)
def test_records_in_their_groups_leak_as_much_as_without(
    train: list[str], validation: list[str], test: list[str]
) -> None:
    every = [*records("t", train), *records("v", validation), *records("e", test)]
    parts = {"train": [], "validation": [], "test": []}
    for record in with_groups(every, "near"):
        parts[{"t": "train", "v": "validation", "e": "test"}[record.id[0]]].append(record)
    grouped, plain = (measure_leakage(parts, rule, task="qa") for rule in ("near", "exact"))  # type: ignore[arg-type]
    assert {**grouped, "gated": None} == {**plain, "gated": None}


@given(TEXTS, TEXTS)
def test_validation_is_compared_with_train_alone(train: list[str], validation: list[str]) -> None:
    test = records("e", validation)
    parts = {"train": records("t", train), "validation": records("v", validation), "test": test}
    seen = [normal_form(text) for text in train]
    found = measure_leakage(parts, "exact", task="qa")["validation"]  # type: ignore[arg-type]
    assert found == {
        "exact": sum(normal_form(text) in seen for text in validation),
        "near": sum(any(similarity(normal_form(v), s) >= 0.8 for s in seen) for v in validation),
    }


def test_examples_name_the_pairs_exact_ones_first() -> None:
    long = "which of these drugs is given first in acute gout of the big toe"
    parts = {
        "train": records("t", [long, "Fever?"]),
        "validation": records("v", []),
        "test": records("e", [long + "s", "fever", "something else"]),
    }
    leakage = measure_leakage(parts, "near", task="qa")  # type: ignore[arg-type]
    assert (leakage["exact"], leakage["near"]) == (1, 2)
    assert leakage["examples"] == [
        {"test": "e1", "seen": "t1", "exact": True},
        {"test": "e0", "seen": "t0", "exact": False},
    ]


def test_near_copies_stop_a_run_only_where_the_split_kept_them_together() -> None:
    parts = {"train": [], "validation": [], "test": []}
    assert measure_leakage(parts, "near", task="qa")["gated"] == ["exact", "near"]  # type: ignore[arg-type]
    assert measure_leakage(parts, "exact", task="qa")["gated"] == ["exact"]  # type: ignore[arg-type]
