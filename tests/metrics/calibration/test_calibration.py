"""The block of metrics.json, from predictions of models that are too sure of themselves or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from medadapt.core.files import parse_json, to_json
from medadapt.metrics.calibration.calibration import Validation, calibration
from medadapt.metrics.calibration.judged import judge
from medadapt.metrics.calibration.judged_estimates import judged_estimates
from medadapt.metrics.scoring import score
from medadapt.metrics.statistics.estimates import ALL_ALIKE
from medadapt.metrics.statistics.resampling import Plan

KEYS = {"temperature", "nll", "brier", "ece", "ece_debiased_squared", "confidence", "reliability", "curve", "aurc",
        "excess_aurc", "accuracy_at", "after_temperature", "thresholds", "confident_and_wrong"}  # fmt: skip


@pytest.fixture
def measure(simulate, answer):
    """The block for an overconfident baseline and a calibrated tuned model on 400 test questions."""

    def build(*, validation=True, n_validation=300, change=lambda records: records, samples=200):
        test, valid = (
            simulate(n, seed, temperature=3, spread=9.0) for n, seed in ((400, 1), (n_validation, 2))
        )
        tuned = replace(test, logits=test.logits / 3)
        records, baseline = answer(test)
        plan = Plan(group=test.group, samples=samples, seed=0)
        predictions = {"baseline": baseline, "tuned": answer(tuned, model="tuned")[1]}
        validated = {
            "baseline": answer(valid)[1],
            "tuned": answer(replace(valid, logits=valid.logits / 3))[1],
        }
        return calibration(
            "multiple_choice",
            change(records),
            predictions,
            Validation(records=answer(valid)[0], predictions=validated) if validation else Validation(),
            plan=plan,
            alpha=0.05,
        )

    return build


def test_every_key_is_there_and_the_json_is_strict(measure):
    found = measure()
    assert (found["n"], found["few"]) == (400, False)
    assert set(found["baseline"]) == set(found["tuned"]) == KEYS
    assert parse_json(to_json(found)) == found


def test_the_temperature_mends_the_overconfident_model_and_leaves_the_other(measure):
    found = measure()
    before, after = found["baseline"], found["baseline"]["after_temperature"]
    assert before["temperature"]["value"] == pytest.approx(3, rel=0.25)
    assert before["temperature"]["n_validation"] == 300
    assert after["nll"]["value"] < before["nll"]["value"] - 0.1
    assert after["ece"]["value"] < before["ece"]["value"] - 0.05
    assert before["ece_debiased_squared"]["low"] > 0.005
    assert found["tuned"]["temperature"]["value"] == pytest.approx(1, rel=0.25)
    assert found["tuned"]["ece_debiased_squared"]["low"] < 0.001


def test_permuting_the_test_labels_leaves_temperatures_and_thresholds_unchanged(measure):
    def permuted(records):
        answers = np.random.default_rng(0).permutation([record.answer_index for record in records])
        return [replace(r, answer_index=int(a)) for r, a in zip(records, answers, strict=True)]

    found, other = measure(), measure(change=permuted)
    for model in ("baseline", "tuned"):
        assert found[model]["nll"] != other[model]["nll"]
        assert found[model]["temperature"] == other[model]["temperature"]
        chosen = [block[model]["thresholds"]["0.2"]["threshold"] for block in (found, other)]
        assert chosen[0] == chosen[1] is not None


def test_the_parts_of_the_brier_score_add_up(measure):
    for scores in (measure()["baseline"], measure()["baseline"]["after_temperature"]):
        brier = scores["brier"]
        whole = brier["reliability"] - brier["resolution"] + brier["uncertainty"]
        assert whole == pytest.approx(brier["value"], abs=1e-8)
        assert brier["low"] < brier["value"] < brier["high"]


def test_a_threshold_says_what_it_does_on_test(measure, simulate):
    found = measure()["baseline"]["thresholds"]["0.2"]
    test = simulate(400, seed=1, temperature=3, spread=9.0)
    temperature = measure()["baseline"]["temperature"]["value"]
    judged = judge(test, temperature)
    answered = judged.confidence >= found["threshold"]
    assert found["test"]["n"] == answered.sum() > 0
    assert found["test"]["coverage"] == answered.mean()
    assert found["test"]["risk"] == pytest.approx(judged.wrong[answered].mean())
    assert found["validation"]["bound"] <= 0.2


def test_without_validation_predictions_there_is_a_reason_for_what_is_missing(measure):
    found = measure(validation=False)["tuned"]
    assert found["temperature"]["value"] is None
    assert "validation" in found["temperature"]["reason"]
    assert found["after_temperature"] == {"reason": found["temperature"]["reason"]}
    assert all(row["threshold"] is None and row["reason"] for row in found["thresholds"].values())
    assert found["nll"]["value"] > 0


def test_the_wrong_answers_it_was_surest_of_come_first(measure):
    rows = measure()["baseline"]["confident_and_wrong"]
    assert len(rows) == 20
    levels = [row["confidence"] for row in rows]
    assert levels == sorted(levels, reverse=True)
    assert levels[0] > 0.95


def test_open_questions_and_predictions_without_scores_have_a_reason(answer, simulate):
    records, predictions = answer(simulate(5, seed=0))
    plan = Plan(group=np.arange(5), samples=10, seed=0)
    bare = [replace(p, scores=None, choice=None) for p in predictions]
    for task, rows in (("qa", predictions), ("multiple_choice", bare)):
        found = calibration(
            task, records, {"baseline": rows, "tuned": rows}, Validation(), plan=plan, alpha=0.05
        )
        assert found.keys() == {"reason"}


def test_an_answer_that_was_never_scored_makes_the_log_loss_null_with_a_reason(answer, simulate):
    records, predictions = answer(simulate(5, seed=0))
    records[0] = replace(records[0], options=[*records[0].options, "none of these"], answer_index=4)
    plan = Plan(group=np.arange(5), samples=10, seed=0)
    found = calibration(
        "multiple_choice",
        records,
        {"baseline": predictions},
        Validation(),
        plan=plan,
        alpha=0.05,
    )["baseline"]
    assert found["nll"]["value"] is None
    assert "not scored" in found["nll"]["reason"]
    assert found["brier"]["value"] > 0
    to_json(found)


def test_means_have_intervals_as_wide_as_a_t_interval(simulate):
    judged = judge(simulate(500, seed=3))
    plan = Plan(group=np.arange(500), samples=4000, seed=0)
    found = judged_estimates({"one": judged}, plan, alpha=0.05)["one"]
    for key, column in (("nll", judged.log_loss), ("brier", judged.brier)):
        low, high = stats.t.interval(0.95, 499, loc=column.mean(), scale=stats.sem(column))
        assert found[key].value == pytest.approx(column.mean())
        assert (found[key].low, found[key].high) == pytest.approx((low, high), abs=0.1 * (high - low))


def test_the_interval_of_the_squared_error_covers_nothing_and_something(simulate):
    """Of 60 calibrated models 0 is covered in nearly all, of 60 overconfident ones in none."""
    covered = {1.0: 0, 3.0: 0}
    for temperature in covered:
        for seed in range(60):
            judged = judge(simulate(300, seed=seed, temperature=temperature))
            plan = Plan(group=np.arange(300), samples=200, seed=seed)
            found = judged_estimates({"one": judged}, plan, alpha=0.05)["one"]["ece_debiased_squared"]
            covered[temperature] += found.low <= 0 <= found.high
    assert covered[1.0] >= 54
    assert covered[3.0] == 0


def test_where_no_resample_differs_no_figure_claims_to_be_certain(believe):
    judged = judge(believe([[5.0, 0, 0, 0]] * 20, [0] * 20))
    plan = Plan(group=np.arange(20), samples=100, seed=0)
    found = judged_estimates({"one": judged}, plan, alpha=0.05)["one"]
    assert found["nll"].value == pytest.approx(0.02, abs=0.001)
    assert {(one.low, one.high, one.reason) for one in found.values()} == {(None, None, ALL_ALIKE)}


def test_the_same_seed_gives_the_same_block_and_another_other_ends(simulate):
    judged = {"one": judge(simulate(100, seed=4))}
    first, again, other = (
        judged_estimates(judged, Plan(group=np.arange(100), samples=100, seed=seed), alpha=0.05)
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first["one"]["ece"].low != other["one"]["ece"].low


def test_the_metrics_of_a_run_hold_the_block(simulate, answer, inputs):
    test, valid = simulate(80, seed=5), simulate(60, seed=6)
    records, baseline = answer(test)
    validation = Validation(
        records=answer(valid)[0], predictions={name: answer(valid)[1] for name in ("baseline", "tuned")}
    )
    given = inputs(records, baseline, answer(test, model="tuned")[1], task="multiple_choice")
    found = score(replace(given, validation=validation))["calibration"]
    assert (found["n"], found["few"]) == (80, True)
    assert found["tuned"]["temperature"]["n_validation"] == 60
    assert found["tuned"] == found["baseline"]
