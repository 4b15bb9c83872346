"""Marking: what counts as right, and predictions that must be refused."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from medadapt.core.errors import DataError, DivergedError, ModelError
from medadapt.metrics.marking.marks import check_pairing, mark_decisions, mark_likelihoods, mark_texts, truths


def test_truth_is_the_label_or_the_letter_of_the_right_option(diagnoses, choices):
    assert truths("diagnosis", diagnoses(["flu", "cold"])) == ["flu", "cold"]
    assert truths("multiple_choice", choices("BD")) == ["B", "D"]
    assert truths("qa", diagnoses(["flu"])) is None


def test_a_record_without_its_truth_is_named(diagnoses):
    records = [*diagnoses(["flu"]), replace(diagnoses(["flu", "cold"])[1], label=None)]
    with pytest.raises(DataError, match="r0001 has no `label`"):
        truths("diagnosis", records)


def test_no_decision_and_an_unknown_label_are_wrong():
    marks = mark_decisions(["a", "a", "b"], ["a", None, "z"], ["a", "b"])
    assert marks["right"].tolist() == [1, 0, 0]
    assert marks["chosen"].tolist() == [[1, 0], [0, 0], [0, 0]]


def test_an_unreadable_text_is_wrong(diagnoses, predict):
    records = diagnoses(["flu", "cold", "flu"])
    rows = predict(records, texts=["flu", "no idea", ""], parsed=["flu", None, None])
    assert mark_texts(["flu", "cold", "flu"], rows)["right_generated"].tolist() == [1, 0, 0]


def test_without_texts_there_are_no_marks_for_texts(diagnoses, predict):
    assert mark_texts(["flu"], predict(diagnoses(["flu"]))) == {}


def test_sums_of_likelihoods_do_not_depend_on_their_order(diagnoses, predict):
    random = np.random.default_rng(0)
    records = diagnoses(["flu"] * 500)
    nll = mark_likelihoods(predict(records, nll=random.gamma(2, 9, 500).tolist()))["nll"]
    assert len({float(nll[random.permutation(500)].cumsum()[-1]) for _ in range(50)}) == 1


def test_rounding_of_likelihoods_is_far_below_what_is_reported(diagnoses, predict):
    exact = [1.23456789012345, 0.1]
    marks = mark_likelihoods(predict(diagnoses(["flu", "cold"]), nll=exact))
    assert marks["nll"] == pytest.approx(exact, abs=1e-9)


def test_a_prediction_without_likelihood_leaves_no_average_of_the_others(diagnoses, predict):
    rows = predict(diagnoses(["flu", "cold"]))
    assert mark_likelihoods([rows[0], replace(rows[1], nll=None)]) == {}


@pytest.mark.parametrize(("model", "error"), [("baseline", ModelError), ("tuned", DivergedError)])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_likelihood_that_is_no_number_names_its_record(diagnoses, predict, model, error, value):
    rows = predict(diagnoses(["flu", "cold"]), model=model, nll=[1.0, value])
    with pytest.raises(error, match="r0001"):
        mark_likelihoods(rows)


def test_a_score_that_is_no_number_names_its_record_and_label(diagnoses, predict):
    rows = predict(diagnoses(["flu"]), ["flu"])
    with pytest.raises(ModelError, match=r"r0000.*'flu'"):
        mark_likelihoods([replace(rows[0], scores={"flu": float("-inf")})])


@pytest.mark.parametrize(
    ("damaged", "told"),
    [
        (
            lambda rows: rows[::-1],
            r"has record r0002 in line 1, where the test set has r0000 \(.*other order\)",
        ),
        (lambda rows: rows[:2], "ends after line 2, but the test set has 3 records"),
        (lambda rows: [rows[0], rows[2]], "has record r0002 in line 2, where the test set has r0001$"),
        (lambda rows: [*rows, replace(rows[0], id="r9")], "goes on after line 3, where the test set ends"),
        (
            lambda rows: [rows[0], rows[0], rows[2]],
            "has record r0000 in line 2, where the test set has r0001$",
        ),
        (
            lambda rows: [replace(row, id=f"x{row.id}") for row in rows],
            "is of another test set: it holds none",
        ),
        (lambda rows: rows[:0], "is empty, but the test set has 3 records"),
    ],
    ids=["order", "end", "gap", "longer", "twice", "other", "empty"],
)
@pytest.mark.parametrize("model", ["baseline", "tuned"])
def test_predictions_that_are_not_of_the_test_records_are_refused(diagnoses, predict, damaged, told, model):
    records = diagnoses(["flu", "cold", "flu"])
    rows = {"baseline": predict(records), "tuned": predict(records)}
    rows[model] = damaged(rows[model])
    with pytest.raises(DataError) as problem:
        check_pairing(records, rows["baseline"], rows["tuned"])
    assert re.search(rf"4-predictions/{model}\.jsonl {told}", problem.value.problem.removesuffix("."))


def test_another_prompt_for_the_tuned_model_is_refused(diagnoses, predict):
    records = diagnoses(["flu", "cold"])
    rows = predict(records)
    with pytest.raises(DataError, match=r"tuned\.jsonl, line 2: of record r0001 .* different prompts"):
        check_pairing(records, rows, [rows[0], replace(rows[1], prompt_sha256="other")])


@pytest.mark.parametrize("field", ["scores", "parsed"])
def test_a_letter_that_no_option_has_is_refused(choices, predict, field):
    records = choices("BD")
    rows = predict(records, ["B", "A"])
    value = {"A": -1.0, "E": -2.0} if field == "scores" else "E"
    with pytest.raises(DataError, match=r"line 2: record q0001 has options A, B, C, D, but .* knows of E\."):
        check_pairing(records, rows, [rows[0], replace(rows[1], **{field: value})])


def test_an_empty_test_set_is_refused():
    with pytest.raises(DataError, match="no test records"):
        check_pairing([], [], [])
