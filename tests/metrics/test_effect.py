"""Whether the adapter moved anything."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from medadapt.core.errors import DataError
from medadapt.metrics.effect import effect, has_effect


def test_equal_predictions_have_no_effect(diagnoses, predict):
    rows = predict(diagnoses(["flu", "cold"]), ["flu", "flu"])
    moved = effect(rows, rows)
    assert (moved.decisions_changed, moved.largest_shift_nats) == (0, 0.0)
    assert not has_effect(asdict(moved))


def test_the_largest_shift_is_found_in_scores_and_in_likelihoods(diagnoses, predict):
    rows = predict(diagnoses(["flu", "cold"]), ["flu", "flu"])
    scored = [rows[0], replace(rows[1], scores={"flu": -1.5})]
    assert effect(rows, scored).largest_shift_nats == pytest.approx(0.5)
    assert effect(rows, [replace(rows[0], nll=rows[0].nll + 2), rows[1]]).largest_shift_nats == pytest.approx(
        2
    )


@pytest.mark.parametrize(("shift", "wanted"), [(0.0009, False), (0.0011, True)])
def test_a_shift_within_rounding_is_no_effect(diagnoses, predict, shift, wanted):
    rows = predict(diagnoses(["flu"]), ["flu"])
    moved = effect(rows, [replace(rows[0], nll=rows[0].nll + shift)])
    assert has_effect(asdict(moved)) is wanted


def test_a_changed_choice_or_reading_is_a_changed_decision(diagnoses, predict):
    rows = predict(diagnoses(["flu", "cold"]), ["flu", "flu"])
    assert effect(rows, [replace(rows[0], choice="cold"), rows[1]]).decisions_changed == 1
    assert effect(rows, [replace(rows[0], parsed="cold"), rows[1]]).decisions_changed == 1


def test_another_written_answer_to_an_open_question_is_a_changed_decision(diagnoses, predict):
    rows = predict(diagnoses(["flu"]), ["flu"])
    closed = [replace(rows[0], text="flu")]
    assert effect(closed, [replace(rows[0], text="it is flu")]).decisions_changed == 0  # read alike
    written = [replace(rows[0], scores=None, choice=None, parsed=None, text="rest")]
    assert effect(written, [replace(written[0], text="rest and drink")]).decisions_changed == 1
    assert effect(written, written).decisions_changed == 0


def test_nothing_measured_is_not_taken_for_no_effect():
    assert has_effect({"decisions_changed": 0, "largest_shift_nats": None})


def test_other_labels_for_the_tuned_model_are_refused(diagnoses, predict):
    rows = predict(diagnoses(["flu"]), ["flu"])
    with pytest.raises(DataError, match=r"r0000.*different labels"):
        effect(rows, [replace(rows[0], scores={"cold": -1.0})])
