"""The controls that a model makes: without the question, and with examples in the prompt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from medadapt.core.errors import DataError
from medadapt.core.files import to_json
from medadapt.metrics.scoring import ASKED_CONTROLS, score

TRUTH = "ABCD" * 10
FEW_SHOT = ASKED_CONTROLS["few_shot"]


def right_on(count: int) -> list[str]:
    """Right on the first records, wrong on all others."""
    wrong = TRUTH[1:] + TRUTH[:1]
    return [*TRUTH[:count], *wrong[count:]]


@pytest.fixture
def scored(choices, predict, inputs):
    """metrics.json of 40 questions: the baseline right on 10, the tuned model on 25."""

    def build(**asked):
        test = choices(TRUTH)
        rows = {
            name: predict(test, right_on(count), model=model, nll=[2.0 + count / 100] * 40)
            for name, (count, model) in asked.items()
        }
        given = inputs(
            test,
            predict(test, right_on(10)),
            predict(test, right_on(25), model="tuned", nll=[1.0 + place / 40 for place in range(40)]),
            train=[replace(record, id=f"t{record.id}") for record in choices("AABC")],
            task="multiple_choice",
        )
        return score(replace(given, further={ASKED_CONTROLS[name]: found for name, found in rows.items()}))

    return build


def test_both_stand_among_the_controls_with_likelihoods(scored):
    metrics = scored(few_shot=(20, "baseline"), options_only=(12, "tuned"))
    few_shot, options_only = (metrics["controls"][name] for name in ("few_shot", "options_only"))
    assert (few_shot["accuracy"]["value"], options_only["accuracy"]["value"]) == (0.5, 0.3)
    assert few_shot["loss"]["value"] == pytest.approx(40 * 2.2 / sum(3 + place % 5 for place in range(40)))
    assert few_shot.keys() == metrics["tuned"].keys()
    to_json(metrics)


def test_the_best_of_all_controls_is_the_one_to_beat(scored):
    assert scored(few_shot=(20, "baseline"))["against_control"]["name"] == "few_shot"
    against = scored(few_shot=(20, "baseline"), options_only=(30, "tuned"))["against_control"]
    assert (against["name"], against["value"]) == ("options_only", pytest.approx(-5 / 40))


def test_tuned_against_the_base_with_examples_is_a_paired_test(scored):
    against = scored(few_shot=(20, "baseline"))["against_few_shot"]
    assert (against["metric"], against["test"]) == ("accuracy", "mcnemar-exact")
    assert against["value"] == pytest.approx(5 / 40)
    assert against["p"] == pytest.approx(binomtest(5, 5).pvalue)
    assert against["verdict"] == "not shown"
    assert scored(few_shot=(4, "baseline"))["against_few_shot"]["verdict"] == "better"
    assert scored(few_shot=(40, "baseline"))["against_few_shot"]["verdict"] == "worse"


def test_without_predictions_of_them_the_reason_says_so(scored, diagnoses, predict, inputs):
    metrics = scored()
    assert metrics["controls"]["few_shot"]["accuracy"]["value"] is None
    assert "examples in its prompt" in metrics["controls"]["few_shot"]["loss"]["reason"]
    assert "without the question" in metrics["controls"]["options_only"]["accuracy"]["reason"]
    against = metrics["against_few_shot"]
    assert (against["value"], against["p"], against["verdict"]) == (None, None, "not shown")
    assert "examples in its prompt" in against["reason"]
    test = diagnoses(["a", "b"])
    told = score(inputs(test, predict(test, ["a", "b"]), predict(test, ["a", "b"], model="tuned")))
    assert "only multiple choice" in told["controls"]["options_only"]["accuracy"]["reason"]


def test_predictions_of_other_records_are_refused(scored, choices, predict, inputs):
    test = choices("AB")
    given = inputs(test, predict(test, ["A", "A"]), predict(test, ["B", "B"]), task="multiple_choice")
    for rows in (predict(test, ["A", "A"])[::-1], predict(test, ["A", "A"])[:1]):
        with pytest.raises(DataError, match="few_shot"):
            score(replace(given, further={FEW_SHOT: rows}))


def test_open_questions_are_compared_by_their_likelihood(diagnoses, predict, inputs):
    """Bits a byte against scipy, which goes through all 2^8 swaps."""
    test = diagnoses(["a"] * 8)
    few, tuned = [9.0, 8, 7, 6, 9, 5, 7, 8], [8.5, 8.2, 6, 6.5, 8, 5.1, 6, 7.8]
    rows = [predict(test, nll=nll, model=model) for nll, model in ((few, "baseline"), (tuned, "tuned"))]
    given = inputs(test, predict(test), rows[1], task="qa", primary="bits_per_byte", samples=20_000)
    metrics = score(replace(given, further={FEW_SHOT: rows[0]}))
    sizes = np.array([row.num_bytes for row in rows[0]])
    exact = permutation_test(
        (np.array(tuned), np.array(few)),
        lambda one, other: (one.sum() - other.sum()) / sizes.sum() / np.log(2),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    against = metrics["against_few_shot"]
    assert against["metric"] == "bits_per_byte"
    assert against["value"] == pytest.approx(exact.statistic)
    assert against["p"] == pytest.approx(exact.pvalue, abs=0.015)
    assert metrics["against_control"]["name"] is None  # nobody wrote an answer


def test_what_the_base_wrote_with_examples_is_marked_too(diagnoses, predict, inputs):
    test = diagnoses(["drink water", "rest a week", "see a doctor"])
    known = [replace(record, id=f"t{record.id}", answer="nothing alike") for record in test]
    right = [record.answer for record in test]
    rows = predict(test, texts=right)
    given = inputs(
        test,
        predict(test, texts=["no"] * 3),
        predict(test, texts=["drink", "rest", "see"], model="tuned"),
        train=known,
        task="qa",
        primary="bits_per_byte",
    )
    metrics = score(replace(given, further={FEW_SHOT: rows}))
    assert metrics["controls"]["few_shot"]["token_f1"]["value"] == 1.0
    assert metrics["against_control"]["name"] == "few_shot"


def test_a_control_picked_as_the_best_of_many_is_only_worse_by_the_corrected_p(scored):
    """Six more right of six discordant: p 0.03 alone, but it was picked among those that answered."""
    metrics = scored(few_shot=(31, "baseline"))
    against = metrics["against_control"]
    answering = sum(one["accuracy"]["value"] is not None for one in metrics["controls"].values())
    assert (against["name"], against["value"]) == ("few_shot", pytest.approx(-6 / 40))
    assert against["p"] == pytest.approx(binomtest(6, 6).pvalue)
    assert against["p_adjusted"] == pytest.approx(min(1, against["p"] * answering))
    assert (against["verdict"], metrics["against_few_shot"]["verdict"]) == ("not shown", "worse")


def test_why_no_examples_were_shown_stands_beside_the_missing_control(choices, predict, inputs):
    test = choices(TRUTH)
    given = inputs(
        test, predict(test, right_on(10)), predict(test, right_on(25), model="tuned"), task="multiple_choice"
    )
    metrics = score(replace(given, no_examples="no training record fits beside a question"))
    assert "no training record fits" in metrics["against_few_shot"]["reason"]
    assert "no training record fits" in metrics["controls"]["few_shot"]["accuracy"]["reason"]
