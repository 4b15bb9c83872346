"""Two tuned models on the same records: values, paired tests, and what cannot be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from medadapt.metrics.comparison import ComparisonInputs, Side, compare


def sides(records, first, second, *, task="diagnosis", primary="accuracy", **changes):
    """Inputs of two runs with these tuned predictions; the bases are the first rows of each."""
    return ComparisonInputs(
        task=task,
        primary=primary,
        alpha=0.05,
        bootstrap_samples=400,
        seed=0,
        test=records,
        first=Side(baseline=first, tuned=first),
        second=Side(baseline=second, tuned=second),
        **changes,
    )


def with_labels(rows):
    """Rows that scored both labels."""
    return [replace(row, scores={"flu": -2.0, "cold": -2.0} | row.scores) for row in rows]


def test_the_difference_is_second_minus_first_by_mcnemars_exact_test(diagnoses, predict):
    truth = ["flu", "cold"] * 20
    records = diagnoses(truth)
    wrong = ["cold" if label == "flu" else "flu" for label in truth]
    first = with_labels(predict(records, [*truth[:12], *wrong[12:]]))
    second = with_labels(predict(records, [*wrong[:2], *truth[2:30], *wrong[30:]]))

    found = compare(sides(records, first, second))

    change = found["difference"]["accuracy"]
    assert change["value"] == pytest.approx((28 - 12) / 40)
    assert change["p"] == pytest.approx(stats.binomtest(2, 20, 0.5).pvalue)
    assert (change["test"], change["verdict"]) == ("mcnemar-exact", "better")
    assert found["tuned"]["first"]["accuracy"]["value"] == 12 / 40
    assert found["tuned"]["second"]["accuracy"]["value"] == 28 / 40


def test_the_records_that_only_one_has_right_are_named(diagnoses, predict):
    records = diagnoses(["flu"] * 5)
    first = with_labels(predict(records, ["flu", "flu", "cold", "cold", "flu"]))
    second = with_labels(predict(records, ["flu", "cold", "flu", "cold", "cold"]))

    found = compare(sides(records, first, second))["discordant"]

    assert found == {
        "by": "accuracy",
        "count": 3,
        "both_right": 1,
        "first_only": 2,
        "second_only": 1,
        "neither": 1,
        "first_right": ["r0001", "r0004"],
        "second_right": ["r0002"],
    }


def test_swapping_the_runs_turns_the_sign_and_keeps_p(diagnoses, predict):
    random = np.random.default_rng(0)
    records = diagnoses(random.choice(["flu", "cold"], 40).tolist())
    first, second = (with_labels(predict(records, random.choice(["flu", "cold"], 40).tolist(),
                                         nll=random.gamma(2, 3, 40).tolist())) for _ in range(2))  # fmt: skip
    there, back = compare(sides(records, first, second)), compare(sides(records, second, first))
    for name, change in there["difference"].items():
        assert change["value"] == pytest.approx(-back["difference"][name]["value"])
        assert change["p"] == pytest.approx(back["difference"][name]["p"], abs=0.02)


def test_a_run_against_itself_differs_in_nothing(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 10)
    rows = with_labels(predict(records, ["flu"] * 20))
    found = compare(sides(records, rows, rows))
    for change in found["difference"].values():
        assert (change["value"], change["p"], change["verdict"]) == (0, 1, "not shown")
    assert found["discordant"]["count"] == 0


def test_groups_are_drawn_whole(diagnoses, predict):
    records = diagnoses(["flu"] * 20, groups=[f"g{place // 10}" for place in range(20)])
    first = with_labels(predict(records, ["cold"] * 20))
    second = with_labels(predict(records, ["flu"] * 20))
    found = compare(sides(records, first, second))
    assert found["num_groups"] == 2
    assert found["difference"]["accuracy"]["test"] == "group-sign-flip"
    assert found["difference"]["accuracy"]["p"] == pytest.approx(0.5)  # 2 of the 4 ways to swap two groups


def test_other_tokens_leave_only_bits_per_byte(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 10)
    first = with_labels(predict(records, ["flu"] * 20))
    second = [replace(row, num_tokens=row.num_tokens + 1, nll=row.nll + 1) for row in first]
    found = compare(sides(records, first, second, primary="bits_per_byte"))["difference"]
    assert found["bits_per_byte"]["verdict"] == "worse"
    for name in ("loss", "perplexity"):
        assert found[name]["value"] is None
        assert "different tokens" in found[name]["reason"]


def test_other_reference_texts_leave_no_likelihood(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 10)
    first = with_labels(predict(records, ["flu"] * 20))
    second = [replace(row, num_bytes=row.num_bytes + 4) for row in first]
    found = compare(sides(records, first, second))["difference"]
    for name in ("loss", "perplexity", "bits_per_byte"):
        assert "different reference texts" in found[name]["reason"]
    assert found["accuracy"]["value"] == 0


def test_answers_that_were_cut_do_not_count_as_other_texts(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 10)
    first = with_labels(predict(records, ["flu"] * 20))
    second = [*first[:19], replace(first[19], num_bytes=3, truncated=True)]
    assert compare(sides(records, first, second))["difference"]["bits_per_byte"]["value"] is not None


def test_where_every_answer_was_cut_other_tokens_still_are_other_tokens(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 10)
    first = [replace(row, truncated=True) for row in with_labels(predict(records, ["flu"] * 20))]
    second = [replace(row, num_tokens=row.num_tokens + 1) for row in first]
    found = compare(sides(records, first, second))["difference"]
    assert found["loss"]["value"] is None
    assert found["bits_per_byte"]["value"] is not None


def test_other_labels_are_no_error(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 10)
    first = with_labels(predict(records, ["flu"] * 20))
    second = [replace(row, scores={**row.scores, "gout": -5.0}) for row in first]
    assert compare(sides(records, first, second))["difference"]["accuracy"]["value"] == 0


def test_runs_with_other_labels_are_judged_all_the_same(diagnoses, predict):
    records = diagnoses(["flu"] * 20)
    first = with_labels(predict(records, ["cold"] * 20))
    second = [
        replace(row, scores={**row.scores, "gout": -5.0})
        for row in with_labels(predict(records, ["flu"] * 20))
    ]
    change = compare(sides(records, first, second))["difference"]["accuracy"]
    assert (change["value"], change["verdict"]) == (1.0, "better")
    assert change["low"] > 0.5


def test_what_only_one_run_measured_has_no_difference(diagnoses, predict):
    records = diagnoses(["flu", "cold"] * 3)
    first = with_labels(predict(records, ["flu"] * 6, texts=["flu"] * 6, parsed=["flu"] * 6))
    second = with_labels(predict(records, ["flu"] * 6))
    found = compare(sides(records, first, second))
    assert found["tuned"]["first"]["accuracy_generated"]["value"] == 0.5
    assert found["tuned"]["second"]["accuracy_generated"]["reason"] == "no answers were written"
    change = found["difference"]["accuracy_generated"]
    assert (change["value"], change["reason"]) == (None, "not computed for both models")


def test_open_answers_are_right_by_the_soft_match(diagnoses, predict):
    records = [replace(record, label=None, answer="rest and fluids") for record in diagnoses(["a", "b"])]
    first = predict(records, texts=["rest and fluids", "surgery"])
    second = predict(records, texts=["surgery", "rest and fluids"])
    found = compare(sides(records, first, second, task="qa", primary="bits_per_byte"))["discordant"]
    assert (found["by"], found["first_right"], found["second_right"]) == ("soft_match", ["r0000"], ["r0001"])
    assert found["soft_match"] == {"metric": "token_f1", "threshold": 0.5}


@pytest.mark.parametrize(
    ("second_nll", "reason"), [(1e6, "neither of the two models"), (2.0, "one of the two")]
)
def test_it_is_said_whether_one_or_both_models_lack_a_value(second_nll, reason, diagnoses, predict):
    records = diagnoses(["flu", "cold"])
    first, second = (
        [replace(row, nll=nll) for row in with_labels(predict(records, ["flu", "flu"]))]
        for nll in (1e6, second_nll)
    )
    found = compare(sides(records, first, second))["difference"]["perplexity"]
    assert found["value"] is None
    assert found["reason"].startswith(reason)


def test_open_questions_without_written_answers_have_no_right_and_wrong(diagnoses, predict):
    rows = predict(diagnoses(["a", "b"]))
    found = compare(sides(diagnoses(["a", "b"]), rows, rows, task="qa", primary="bits_per_byte"))[
        "discordant"
    ]
    assert found["by"] is None
    assert found["reason"]


def test_a_metric_that_means_something_else_in_each_run_is_not_compared(diagnoses, predict):
    rows = with_labels(predict(diagnoses(["flu", "cold"]), ["flu", "flu"]))
    found = compare(sides(diagnoses(["flu", "cold"]), rows, rows, incomparable={"macro_f1": "other classes"}))
    assert found["difference"]["macro_f1"]["reason"] == "other classes"
    assert found["difference"]["macro_f1"]["verdict"] == "not shown"
