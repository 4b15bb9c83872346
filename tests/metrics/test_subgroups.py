"""Results by subject and question type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medadapt.metrics.marking.marks import mark_decisions
from medadapt.metrics.statistics.intervals import wilson
from medadapt.metrics.subgroups import left_out, subgroups


@pytest.fixture
def models():
    truth = list("AABBAA")
    return {
        "baseline": mark_decisions(truth, list("ABABAB"), ["A", "B"]),
        "tuned": mark_decisions(truth, list("AABBAB"), ["A", "B"]),
    }


def test_each_subject_has_its_own_accuracy_and_interval(choices, models, independent):
    records = choices("AABBAA", subjects=["eye", "eye", "eye", "eye", "ear", "ear"])
    found = subgroups(records, models, metric="accuracy", plan=independent(6), alpha=0.05)
    assert list(found) == ["subject"]
    assert list(found["subject"]) == ["eye", "ear"]
    eye = found["subject"]["eye"]
    assert (eye["n"], eye["baseline"]["value"], eye["tuned"]["value"]) == (4, 0.5, 1.0)
    assert (eye["tuned"]["low"], eye["tuned"]["high"]) == pytest.approx(wilson(1.0, n=4, alpha=0.05))


def test_a_single_value_or_none_gives_no_table(choices, models, independent):
    assert subgroups(choices("AABBAA"), models, metric="accuracy", plan=independent(6), alpha=0.05) == {}
    same = choices("AABBAA", subjects=["eye"] * 6)
    assert subgroups(same, models, metric="accuracy", plan=independent(6), alpha=0.05) == {}


def test_a_field_without_a_table_has_a_reason(choices, models):
    many = choices("AB" * 31, subjects=[f"topic {place}" for place in range(62)])
    of_many = {name: {column: np.ones(62) for column in tallies} for name, tallies in models.items()}

    assert left_out(choices("AABBAA"), models, metric="accuracy") == {}
    assert (
        "the same" in left_out(choices("AABBAA", subjects=["eye"] * 6), models, metric="accuracy")["subject"]
    )
    assert "62 different" in left_out(many, of_many, metric="accuracy")["subject"]
    assert "loss was not computed" in left_out(many, of_many, metric="loss")["subject"]


def test_open_questions_are_split_by_their_type(diagnoses, independent):
    records = [
        replace(r, qtype="causes" if place < 5 else "symptoms") for place, r in enumerate(diagnoses("x" * 8))
    ]
    nats = {"nll": np.arange(8.0), "tokens": np.ones(8), "bytes": np.full(8, 2.0)}
    found = subgroups(
        records, {"baseline": nats, "tuned": nats}, metric="bits_per_byte", plan=independent(8), alpha=0.05
    )
    symptoms = found["qtype"]["symptoms"]
    assert symptoms["n"] == 3
    assert symptoms["baseline"]["value"] == pytest.approx(18 / 6 / np.log(2))


def _ears_and_eyes(choices, gained: dict[str, int], sizes: dict[str, int]):
    """Baseline wrong everywhere; the tuned model right on the first `gained` records of each subject."""
    subjects = [subject for subject, size in sizes.items() for _ in range(size)]
    places = [place for size in sizes.values() for place in range(size)]
    records = choices("A" * len(subjects), subjects=subjects)
    after = ["A" if place < gained[subject] else "B" for subject, place in zip(subjects, places, strict=True)]
    truth = ["A"] * len(subjects)
    return records, {
        "baseline": mark_decisions(truth, ["B"] * len(subjects), ["A", "B"]),
        "tuned": mark_decisions(truth, after, ["A", "B"]),
    }


def test_the_gain_of_each_subject_is_judged_together_with_the_others(choices, independent):
    sizes = {"ear": 40, "eye": 40, "skin": 40}
    records, models = _ears_and_eyes(choices, {"ear": 20, "eye": 6, "skin": 6}, sizes)
    found = subgroups(records, models, metric="accuracy", plan=independent(120), alpha=0.05)["subject"]
    ear, eye = found["ear"]["difference"], found["eye"]["difference"]
    assert (ear["value"], ear["test"], ear["verdict"]) == (0.5, "mcnemar-exact", "better")
    assert ear["p_adjusted"] == pytest.approx(3 * 2 * 0.5**20)
    assert eye["p"] == pytest.approx(2 * 0.5**6)  # below 0.05 alone
    assert eye["p_adjusted"] == pytest.approx(2 * 2 * 0.5**6)
    assert eye["verdict"] == "not shown"


def test_fewer_than_thirty_records_get_no_claim_and_cost_the_others_nothing(choices, independent):
    records, models = _ears_and_eyes(choices, {"ear": 6, "eye": 29}, {"ear": 30, "eye": 29})
    found = subgroups(records, models, metric="accuracy", plan=independent(59), alpha=0.05)["subject"]
    eye, ear = found["eye"]["difference"], found["ear"]["difference"]
    assert (eye["value"], eye["verdict"], eye["p_adjusted"]) == (1.0, "not shown", None)
    assert "fewer than 30" in eye["reason"]
    assert ear["p_adjusted"] == ear["p"] == pytest.approx(2 * 0.5**6)
    assert (ear["verdict"], ear["reason"]) == ("better", None)


def test_question_types_are_judged_by_swaps_of_the_models(diagnoses, independent):
    records = [
        replace(record, qtype="causes" if place < 30 else "symptoms")
        for place, record in enumerate(diagnoses("x" * 60))
    ]
    size = np.full(60, 8.0)
    hard = np.random.default_rng(0).integers(8, 24, 60).astype(float)
    lower = np.where(np.arange(60) < 30, hard - np.arange(60) % 5, hard)
    found = subgroups(
        records,
        {"baseline": {"nll": hard, "bytes": size}, "tuned": {"nll": lower, "bytes": size}},
        metric="bits_per_byte",
        plan=independent(60),
        alpha=0.05,
    )["qtype"]
    assert found["causes"]["difference"]["verdict"] == "better"
    assert found["symptoms"]["difference"]["value"] == 0
    assert found["symptoms"]["difference"]["verdict"] == "not shown"


def test_models_that_are_the_same_differ_in_no_subject(choices, independent):
    """All 40 moved by less than rounding: a test would find that, but there is nothing to claim."""
    columns = {"records": np.ones(80), "bytes": np.full(80, 10.0)}
    models = {
        "baseline": {**columns, "nll": np.full(80, 10.0)},
        "tuned": {**columns, "nll": np.full(80, 10.0) - np.linspace(1e-4, 9e-4, 80)},
    }
    records = choices("A" * 80, subjects=["eye"] * 40 + ["ear"] * 40)
    for same_model, verdict in ((False, "better"), (True, "not shown")):
        found = subgroups(
            records,
            models,
            metric="bits_per_byte",
            plan=independent(80),
            alpha=0.05,
            same_model=same_model,
        )
        assert found["subject"]["eye"]["difference"]["verdict"] == verdict
