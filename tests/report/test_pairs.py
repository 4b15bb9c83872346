"""What kind of case a test record is, and in which order they are read."""

from __future__ import annotations

import pytest

from medadapt.core.records import Record
from medadapt.core.results import Prediction
from medadapt.report.pairs import CONFIDENT, Pair, pairs


def record(name: str) -> Record:
    return Record(id=name, source_row=1, group=name, question=f"Question {name}", answer="Gout", label="Gout")


def closed(name: str, choice: str, gout: float) -> Prediction:
    return Prediction(
        id=name, model="m", prompt_sha256="", choice=choice, probabilities={"Gout": gout, "Acne": 1 - gout}
    )


def written(name: str, nats: float | None) -> Prediction:
    nll = None if nats is None else 10 * nats
    return Prediction(id=name, model="m", prompt_sha256="", text=f"answer {name}", nll=nll, num_tokens=10)


def closed_pairs(**given: tuple[tuple[str, float], tuple[str, float]]) -> list[Pair]:
    """From the choice and the probability of the right answer before and after, by id."""
    return pairs(
        "diagnosis",
        "accuracy",
        test=[record(name) for name in given],
        baseline=[closed(name, *before) for name, (before, _) in given.items()],
        tuned=[closed(name, *after) for name, (_, after) in given.items()],
    )


def test_kinds_follow_each_other_and_in_each_the_heaviest_comes_first() -> None:
    found = closed_pairs(
        right=(("Gout", 0.7), ("Gout", 0.7)),
        less=(("Gout", 0.99), ("Gout", 0.51)),
        unsure=(("Acne", 0.4), ("Acne", 0.45)),
        sure=(("Acne", 0.4), ("Acne", 0.15)),
        surest=(("Acne", 0.4), ("Acne", 0.01)),
        mended=(("Acne", 0.4), ("Gout", 0.6)),
        mended_most=(("Acne", 0.1), ("Gout", 0.9)),
        broken=(("Gout", 0.6), ("Acne", 0.45)),
        broken_most=(("Gout", 0.6), ("Acne", 0.1)),
    )
    assert [(pair.record.id, pair.kind) for pair in found] == [
        ("broken_most", "regression"),
        ("broken", "regression"),
        ("mended_most", "fix"),
        ("mended", "fix"),
        ("surest", "confident"),
        ("sure", "confident"),
        ("unsure", "both_wrong"),
        ("less", "both_right"),
        ("right", "both_right"),
    ]


@pytest.mark.parametrize(("wrong", "confident"), [(CONFIDENT, True), (CONFIDENT - 0.01, False)])
def test_confidence_begins_at_its_threshold(wrong: float, confident: bool) -> None:
    (pair,) = closed_pairs(a=(("Gout", 0.6), ("Acne", 1 - wrong)))
    assert pair.kind == "regression"
    assert pair.confident_and_wrong is confident


def test_a_right_answer_is_never_confident_and_wrong() -> None:
    (pair,) = closed_pairs(a=(("Gout", 0.6), ("Gout", 0.99)))
    assert not pair.confident_and_wrong


def test_open_questions_are_ordered_by_the_change_in_nats_per_token() -> None:
    before = {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": None}
    after = {"a": 1.1, "b": 1.9, "c": 0.5, "d": 1.0, "e": 1.0}
    found = pairs(
        "qa",
        "bits_per_byte",
        test=[record(name) for name in before],
        baseline=[written(name, nats) for name, nats in before.items()],
        tuned=[written(name, nats) for name, nats in after.items()],
    )
    assert [(pair.record.id, pair.kind) for pair in found] == [
        ("b", "regression"),
        ("a", "regression"),
        ("c", "fix"),
        ("d", "same"),
        ("e", "same"),
    ]


def test_a_generated_primary_judges_what_was_written() -> None:
    base = Prediction(id="a", model="m", prompt_sha256="", choice="Acne", parsed="Gout", text="Gout")
    tuned = Prediction(id="a", model="m", prompt_sha256="", choice="Gout", parsed=None, text="I cannot say")
    (pair,) = pairs("diagnosis", "accuracy_generated", test=[record("a")], baseline=[base], tuned=[tuned])
    assert pair.kind == "regression"


def test_a_written_answer_nobody_could_read_is_no_confident_mistake() -> None:
    """Its choice has 99 %, but the answer that was judged is the written one."""
    unread = closed("r", "Gout", 0.99)
    (pair,) = pairs("diagnosis", "accuracy_generated", test=[record("r")], baseline=[unread], tuned=[unread])
    assert (pair.tuned_right, pair.confidence, pair.kind) == (False, None, "both_wrong")
