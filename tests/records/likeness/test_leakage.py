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


def dialogue(identity: str, *said: str, group: str = "") -> Record:
    *earlier, question, answer = said
    history = [
        {"role": ("user", "assistant")[place % 2], "content": content}
        for place, content in enumerate(earlier)
    ]
    return Record(id=identity, source_row=1, group=group, question=question, answer=answer, history=history)


ASKED, REPLY = "My knee hurts, what is it?", "It is a strain of the outer ligament, so rest it for some days."
MORE = ("It also swells in the evening.", "Then have an X-ray taken.")


def test_a_test_question_that_was_answered_earlier_in_a_training_dialogue_is_an_exact_leak() -> None:
    parts = {
        "train": [
            dialogue("t", ASKED, REPLY, *MORE),
            dialogue("u", "Why do I cough?", "Reflux.", "And my ear?", "Wax."),
        ],
        "validation": [dialogue("v", "WHY DO I COUGH", "It is gout.")],
        "test": [dialogue("e", ASKED, REPLY), dialogue("f", MORE[0], "Cool it.")],
    }
    leakage = measure_leakage(parts, "near", task="qa")  # type: ignore[arg-type]
    assert (leakage["exact"], leakage["near"]) == (1, 1)
    assert leakage["flagged"] == {"e": ["exact", "near", "answer"]}
    assert leakage["validation"] == {"exact": 1, "near": 1}


def test_an_earlier_question_in_a_training_dialogue_names_its_record() -> None:
    parts = {
        "train": [dialogue("s", "Why do I cough?", "Reflux."), dialogue("t", ASKED, REPLY, *MORE)],
        "validation": [],
        "test": [dialogue("e", ASKED, "Gout.")],
    }
    leakage = measure_leakage(parts, "near", task="qa")  # type: ignore[arg-type]
    assert leakage["examples"] == [{"test": "e", "seen": "t", "exact": True}]


def test_a_test_answer_that_was_given_earlier_in_a_training_dialogue_is_a_leaked_answer() -> None:
    parts = {
        "train": [dialogue("t", "Hello, I am 50.", "What ails you?", ASKED, REPLY, *MORE)],
        "validation": [],
        "test": [dialogue("e", "A knee aches.", REPLY)],
    }
    leakage = measure_leakage(parts, "near", task="qa")  # type: ignore[arg-type]
    assert leakage["flagged"] == {"e": ["answer"]}
    assert (leakage["answer_containment"]["count"], leakage["answer_containment"]["exact"]) == (1, 1)
