"""Per-class figures and confusion matrices against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    classification_report,
    confusion_matrix,
    precision_recall_fscore_support,
)

from medadapt.metrics.marking.classes import averages, confusion, paired_counts, per_class
from medadapt.metrics.marking.marks import mark_decisions

LABELS = ["a", "b", "c", "never"]


@pytest.fixture
def answered() -> tuple[list[str], list[str]]:
    random = np.random.default_rng(0)
    return random.choice(LABELS[:3], 60).tolist(), random.choice(LABELS[:3], 60).tolist()


def test_per_class_equals_scikit_learn(answered):
    truth, chosen = answered
    found = per_class(mark_decisions(truth, chosen, LABELS), LABELS)
    wanted = precision_recall_fscore_support(truth, chosen, labels=LABELS, zero_division=0)
    for place, label in enumerate(LABELS):
        assert list(found[label].values()) == pytest.approx([column[place] for column in wanted])


@pytest.mark.parametrize("labels", [LABELS, LABELS[:3]])
@pytest.mark.parametrize("silent", [0, 9])
def test_averages_equal_scikit_learns_classification_report(answered, labels, silent):
    truth, chosen = answered
    chosen = [None] * silent + chosen[silent:]
    found = averages(mark_decisions(truth, chosen, labels), labels)
    spoken = [choice or "none" for choice in chosen]
    wanted = classification_report(truth, spoken, labels=labels, output_dict=True, zero_division=0)
    for name in ("macro avg", "weighted avg"):
        assert list(found[name].values()) == pytest.approx(list(wanted[name].values()))
    # scikit-learn shows the accuracy only where it is the micro average as well.
    if silent:
        assert list(found["micro avg"].values()) == pytest.approx(list(wanted["micro avg"].values()))
    else:
        assert found["micro avg"]["f1"] == pytest.approx(wanted["accuracy"])
    assert found["accuracy"] == pytest.approx(accuracy_score(truth, spoken))


def test_confusion_equals_scikit_learn(answered):
    truth, chosen = answered
    found = confusion({"tuned": mark_decisions(truth, chosen, LABELS)}, LABELS)
    assert found["labels"] == LABELS
    assert found["tuned"] == confusion_matrix(truth, chosen, labels=LABELS).tolist()


def test_a_record_without_decision_is_in_no_column_of_the_confusion():
    found = confusion({"tuned": mark_decisions(["a", "a"], ["a", None], ["a"])}, ["a"])
    assert found["tuned"] == [[1]]


def test_paired_counts_add_up_to_the_records():
    baseline = mark_decisions(list("aaaab"), list("aabbb"), ["a", "b"])
    tuned = mark_decisions(list("aaaab"), list("abaab"), ["a", "b"])
    assert paired_counts(baseline, tuned) == {
        "both_right": 2,
        "baseline_only": 1,
        "tuned_only": 2,
        "neither": 0,
    }
