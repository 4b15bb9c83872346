"""Results by subject and question type."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medadapt.metrics.marking.marks import mark_decisions
from medadapt.metrics.statistics.intervals import wilson
from medadapt.metrics.subgroups import subgroups


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
