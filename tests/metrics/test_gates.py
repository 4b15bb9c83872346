"""Which findings the metrics lead to, and with which exit code."""

from __future__ import annotations

import math
from typing import Any

import pytest

from medadapt.metrics.gates import findings


@pytest.fixture
def metrics() -> dict[str, Any]:
    """The part of metrics.json that the gates read, with nothing wrong in it."""
    change = {"value": 0.1, "low": 0.01, "high": 0.2, "p": 0.03, "verdict": "better"}
    return {
        "primary": "accuracy",
        "n": 61,
        "alpha": 0.05,
        "baseline": {"loss": {"value": 3.0}},
        "tuned": {"loss": {"value": 2.0}},
        "difference": {"accuracy": change},
        "leakage": {"exact": 0, "near": 28, "gated": ["exact"]},
        "effect": {"decisions_changed": 4, "largest_shift_nats": 2.5},
        "uniform_loss": math.log(1000),
    }


def _kinds(metrics: dict[str, Any], *, allow_leak: bool = False) -> list[tuple[str, int]]:
    return [(finding.kind, finding.exit_code) for finding in findings(metrics, allow_leak=allow_leak)]


def test_nothing_wrong_is_no_finding(metrics):
    assert _kinds(metrics) == []


def test_not_shown_alone_is_no_finding(metrics):
    metrics["difference"]["accuracy"]["verdict"] = "not shown"
    assert _kinds(metrics) == []


def test_an_exact_leak_fails_unless_allowed(metrics):
    metrics["leakage"]["exact"] = 2
    assert _kinds(metrics) == [("leak", 3)]
    assert _kinds(metrics, allow_leak=True) == []
    assert "2 of 61" in findings(metrics, allow_leak=False)[0].problem


def test_what_the_start_adapter_was_trained_on_is_a_leak_of_its_own(metrics):
    metrics["leakage"]["start_adapter"] = {"known": True, "count": 50, "exact": 49, "near": 50}
    assert _kinds(metrics) == [("leak", 3)]
    assert _kinds(metrics, allow_leak=True) == []
    (found,) = findings(metrics, allow_leak=False)
    assert (
        "49 of 61 test inputs also stand in what the adapter of model.adapter was trained on" in found.problem
    )
    metrics["leakage"]["exact"] = 2
    assert _kinds(metrics) == [("leak", 3), ("leak", 3)]


def test_an_unknown_start_adapter_fails_no_gate(metrics):
    metrics["leakage"]["start_adapter"] = {"known": False, "count": None, "exact": None, "near": None}
    assert _kinds(metrics) == []


def test_near_copies_fail_only_where_the_split_grouped_by_them(metrics):
    metrics["leakage"]["gated"] = ["exact", "near"]
    assert _kinds(metrics) == [("leak", 3)]


@pytest.mark.parametrize(
    ("alpha", "level"), [(0.05, "95%"), (0.025, "97.5%"), (0.001, "99.9%"), (0.00001, "99.999%")]
)
def test_the_level_of_the_interval_is_not_rounded(metrics, alpha, level):
    metrics["alpha"] = alpha
    metrics["difference"]["accuracy"] = {"value": -0.2, "low": -0.3, "high": -0.1, "verdict": "worse"}
    assert f"({level} interval" in findings(metrics, allow_leak=False)[0].problem


def test_a_worse_primary_metric_is_a_regression(metrics):
    metrics["difference"]["accuracy"] = {"value": -0.2, "low": -0.3, "high": -0.1, "verdict": "worse"}
    metrics["difference"]["loss"] = {"value": 0.1, "low": -0.3, "high": 0.4, "verdict": "not shown"}
    assert _kinds(metrics) == [("regression", 3)]


def test_a_regression_without_an_interval_is_told_without_one(metrics):
    metrics["difference"]["accuracy"] = {"value": -0.2, "low": None, "high": None, "verdict": "worse"}
    assert _kinds(metrics) == [("regression", 3)]
    problem = findings(metrics, allow_leak=False)[0].problem
    assert problem == "The tuned model is worse than its base: accuracy changed by -0.2."


def test_another_metric_that_is_worse_is_no_regression(metrics):
    metrics["difference"]["loss"] = {"value": 0.2, "low": 0.1, "high": 0.3, "verdict": "worse"}
    assert _kinds(metrics) == []


def test_an_adapter_that_moves_nothing_has_no_effect(metrics):
    metrics["effect"] = {"decisions_changed": 0, "largest_shift_nats": 0.0005}
    assert _kinds(metrics) == [("no_effect", 3)]
    assert "no effect" in findings(metrics, allow_leak=False)[0].problem


def test_a_loss_above_uniform_and_above_the_baseline_is_divergence(metrics):
    metrics["tuned"]["loss"]["value"] = 7.0
    assert _kinds(metrics) == [("diverged", 4)]


def test_a_random_base_that_training_did_not_worsen_is_only_worth_knowing(metrics):
    metrics["baseline"]["loss"]["value"], metrics["tuned"]["loss"]["value"] = 7.0, 7.06
    assert _kinds(metrics) == [("worse_than_uniform", 0)]
    assert "worse than uniform" in findings(metrics, allow_leak=False)[0].problem
    metrics["tuned"]["loss"]["value"] = 7.08
    assert _kinds(metrics) == [("diverged", 4), ("worse_than_uniform", 0)]


def test_losses_above_the_vocabularys_logarithm_are_not_passed_off_as_a_result(metrics):
    """A loss of 14.49 before and 15.79 after tuning, with the 42,384 tokens of BioGPT: ln V is 10.65."""
    metrics["uniform_loss"] = math.log(42_384)
    metrics["baseline"]["loss"]["value"] = metrics["tuned"]["loss"]["value"] = 14.49
    assert _kinds(metrics) == [("worse_than_uniform", 0)]
    metrics["tuned"]["loss"]["value"] = 15.79
    assert _kinds(metrics) == [("diverged", 4), ("worse_than_uniform", 0)]
    assert "10.65" in findings(metrics, allow_leak=False)[0].problem


def test_unknown_losses_and_leaks_are_no_finding(metrics):
    metrics["baseline"]["loss"]["value"] = metrics["tuned"]["loss"]["value"] = None
    metrics["leakage"] = {"exact": None, "near": None}
    assert _kinds(metrics) == []


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (("lost", "not shown"), "has cost the base general English: its loss rose by more than 0.05 nats per token "
         "(prose +0.12)."),
        (("kept", "not shown"), "may have cost the base general English: its loss rose by more than 0.05 nats per "
         "token, or that is not ruled out (instructions +0.03)."),
    ],
)  # fmt: skip
def test_of_forgetting_only_the_texts_that_make_the_verdict_are_named(verdicts, said, metrics):
    kinds = {
        kind: {"rise": {"value": value}, "verdict": verdict}
        for kind, value, verdict in zip(("prose", "instructions"), (0.12, 0.03), verdicts, strict=True)
    }
    worst = "lost" if "lost" in verdicts else "not shown"
    metrics["forgetting"] = {"margin": 0.05, "verdict": worst, "kinds": kinds}
    (found,) = findings(metrics, allow_leak=False)
    assert (found.kind, found.problem) == ("forgetting", f"Tuning {said}")


def test_files_that_were_changed_by_hand_are_a_finding(metrics):
    metrics["protocol"] = {"edited": ["4-predictions/tuned.jsonl"]}
    (found,) = findings(metrics, allow_leak=False)
    assert (found.kind, found.exit_code) == ("edited", 3)
    assert "4-predictions/tuned.jsonl" in found.problem
    assert found.remedy == "Run `medadapt predict RUN --replace`, then `medadapt run RUN`."


def test_changed_records_are_made_again_by_a_command_that_keeps_the_training(metrics):
    metrics["protocol"] = {"edited": ["1-records/test.jsonl", "4-predictions/tuned.jsonl"]}
    (found,) = findings(metrics, allow_leak=False)
    prepare, predict, whole = found.remedy.split(", then ")
    assert prepare.startswith("Run `medadapt prepare RUN` (with --replace it would delete the training)")
    assert (predict, whole) == ("`medadapt predict RUN --replace`", "`medadapt run RUN`.")
