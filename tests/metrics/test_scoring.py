"""The whole of metrics.json, from predictions with known answers."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from medadapt.core.errors import DataError, RecipeError
from medadapt.core.files import parse_json, to_json
from medadapt.metrics.gates import findings
from medadapt.metrics.scoring import score
from medadapt.metrics.statistics.holm import holm

LABELS = ["cold", "flu", "gout"]
DESIGN_KEYS = {
    "schema", "task", "primary", "n", "alpha", "protocol", "baseline", "tuned", "difference", "controls",
    "against_control", "detectable_difference", "leakage", "rates", "groups", "calibration",
}  # fmt: skip


@pytest.fixture
def answered(diagnoses, predict):
    """61 records; the baseline is right on 20 of them, the tuned model on those and 25 more."""
    records = diagnoses([LABELS[place % 3] for place in range(61)])
    before = [LABELS[(place + (place >= 20)) % 3] for place in range(61)]
    after = [LABELS[(place + (place >= 45)) % 3] for place in range(61)]
    nll = [1.0 + place % 5 for place in range(61)]
    return records, predict(records, before), predict(records, after, model="tuned", nll=nll)


def test_all_keys_of_the_schema_are_there_and_the_json_is_strict(answered, inputs):
    metrics = score(inputs(*answered, train=answered[0]))
    assert set(metrics) >= DESIGN_KEYS | {"per_class", "confusion", "paired", "effect", "error_length"}
    assert parse_json(to_json(metrics)) == json.loads(json.dumps(metrics))
    assert metrics["baseline"].keys() == metrics["tuned"].keys() == metrics["difference"].keys()
    for control in metrics["controls"].values():
        assert control.keys() == metrics["baseline"].keys()
    assert (metrics["schema"], metrics["n"], metrics["num_groups"]) == (1, 61, 61)


def test_a_known_gain_is_measured(answered, inputs):
    metrics = score(inputs(*answered, train=answered[0]))
    assert metrics["baseline"]["accuracy"]["value"] == 20 / 61
    assert metrics["tuned"]["accuracy"]["value"] == 45 / 61
    gain = metrics["difference"]["accuracy"]
    assert gain["value"] == pytest.approx(25 / 61)
    assert gain["p"] == pytest.approx(2 * 0.5**25)
    assert (gain["test"], gain["verdict"]) == ("mcnemar-exact", "better")
    assert metrics["paired"] == {"both_right": 20, "baseline_only": 0, "tuned_only": 25, "neither": 16}
    assert metrics["effect"]["decisions_changed"] == 25
    assert metrics["intervals"]["accuracy"] == "wilson"
    assert findings(metrics, allow_leak=False) == []


def test_all_metrics_but_the_primary_are_judged_together(answered, inputs):
    records, baseline, tuned = answered
    found = score(inputs(records, baseline, tuned))["difference"]
    secondary = {name: change for name, change in found.items() if name != "accuracy"}
    assert found["accuracy"]["p_adjusted"] is None
    assert [change["p_adjusted"] for change in secondary.values()] == holm(
        [c["p"] for c in secondary.values()]
    )
    for change in secondary.values():
        assert change["verdict"] == "not shown" or change["p_adjusted"] < 0.05


def test_the_primary_metric_has_an_interval_of_its_own(answered, inputs):
    metrics = score(inputs(*answered, primary="loss"))
    assert metrics["difference"]["loss"]["test"] == "paired-bootstrap-bca"
    assert metrics["difference"]["loss"]["p_adjusted"] is None
    assert metrics["difference"]["accuracy"]["p_adjusted"] is not None
    assert metrics["intervals"]["loss"] == "bootstrap-bca"
    assert metrics["intervals"]["bits_per_byte"] == "bootstrap"


def test_a_record_without_a_group_is_refused_by_name(answered, inputs):
    records, baseline, tuned = answered
    strays = [replace(records[0], group=""), *records[1:]]
    with pytest.raises(DataError, match="r0000"):
        score(inputs(strays, baseline, tuned))


def test_the_loss_is_weighted_by_tokens(answered, inputs):
    _, baseline, _ = answered
    loss = score(inputs(*answered))["baseline"]["loss"]
    wanted = sum(p.nll for p in baseline) / sum(p.num_tokens for p in baseline)
    assert loss["value"] == pytest.approx(wanted, abs=1e-9)
    assert loss["low"] < wanted < loss["high"]


def test_perplexity_and_its_interval_are_the_exponential_of_the_loss(answered, inputs):
    tuned = score(inputs(*answered))["tuned"]
    for part in ("value", "low", "high"):
        assert tuned["perplexity"][part] == pytest.approx(math.exp(tuned["loss"][part]), rel=1e-4)


def test_the_same_inputs_give_the_same_bytes_and_another_seed_other_ends(answered, inputs):
    first, again, other = (to_json(score(inputs(*answered, seed=seed))) for seed in (3, 3, 4))
    assert first == again
    assert parse_json(first)["tuned"]["loss"]["low"] != parse_json(other)["tuned"]["loss"]["low"]


def test_equal_models_differ_by_nothing_and_fail_the_gate(answered, inputs):
    records, baseline, _ = answered
    metrics = score(inputs(records, baseline, [replace(p, model="tuned") for p in baseline]))
    for change in metrics["difference"].values():
        assert (change["value"], change["low"], change["high"], change["p"]) == (0, 0, 0, 1)
        assert change["verdict"] == "not shown"
    assert [(f.kind, f.exit_code) for f in findings(metrics, allow_leak=False)] == [("no_effect", 3)]


def test_a_perfect_model_leaves_room_for_doubt(answered, inputs, predict):
    records, baseline, _ = answered
    perfect = predict(records, [record.label for record in records], model="tuned")
    tuned = score(inputs(records, baseline, perfect))["tuned"]
    assert round(tuned["accuracy"]["low"], 3) == 0.941
    assert tuned["accuracy"]["high"] == 1.0
    assert tuned["macro_f1"]["value"] == 1.0
    assert tuned["macro_f1"]["low"] is None
    assert tuned["macro_f1"]["reason"]


def test_the_classification_report_and_the_errors_by_length_belong_to_the_accuracy(answered, inputs):
    metrics = score(inputs(*answered))
    for name in ("baseline", "tuned"):
        accuracy = metrics[name]["accuracy"]["value"]
        report = metrics["classification_report"][name]
        assert report["accuracy"] == report["micro avg"]["f1"] == pytest.approx(accuracy)
        assert report["weighted avg"]["recall"] == pytest.approx(accuracy)
        assert report["macro avg"]["support"] == 61
        assert sum(metrics["error_length"][name]) == round(61 * (1 - accuracy))


def test_silence_costs_accuracy_and_is_counted(answered, inputs):
    records, baseline, tuned = answered
    texts = [record.label for record in records]
    spoken = [replace(p, text=t, parsed=t) for p, t in zip(tuned, texts, strict=True)]
    silent = [replace(p, text="", parsed=None) if k % 10 < 3 else p for k, p in enumerate(spoken)]
    count = sum(p.text == "" for p in silent)
    metrics = score(inputs(records, [replace(p, text="?") for p in baseline], silent))
    assert metrics["tuned"]["accuracy_generated"]["value"] == pytest.approx(1 - count / 61)
    assert metrics["rates"]["tuned"]["empty"] == metrics["rates"]["tuned"]["unparsed"] == count / 61
    assert metrics["rates"]["baseline"]["unparsed"] == 1.0
    assert metrics["difference"]["accuracy_generated"]["verdict"] == "better"


def test_controls_stand_beside_the_model(answered, inputs):
    records, baseline, tuned = answered
    train = [replace(record, id=f"t{record.id}") for record in records]
    metrics = score(inputs(records, baseline, tuned, train=train))
    assert metrics["controls"]["nearest_neighbour"]["accuracy"]["value"] == 1.0  # test inputs stand in train
    assert metrics["controls"]["majority"]["accuracy"]["value"] == pytest.approx(21 / 61)
    assert metrics["controls"]["majority"]["loss"]["value"] is None
    assert metrics["controls"]["majority"]["loss"]["reason"]
    against = metrics["against_control"]
    assert (against["name"], against["metric"]) == ("nearest_neighbour", "accuracy")
    assert (against["test"], against["verdict"]) == ("mcnemar-exact", "worse")
    assert against["value"] == pytest.approx(45 / 61 - 1)


def test_without_training_records_controls_are_null_with_a_reason(answered, inputs):
    metrics = score(inputs(*answered))
    assert metrics["controls"]["majority"]["accuracy"]["value"] is None
    assert metrics["against_control"]["value"] is None
    assert "training records" in metrics["against_control"]["reason"]


def test_multiple_choice_is_marked_by_letters(choices, predict, inputs):
    records = choices("ABCDABCD", subjects=["eye", "ear"] * 4)
    baseline, tuned = predict(records, list("AAAAAAAA")), predict(records, list("ABCDAAAA"), model="tuned")
    metrics = score(inputs(records, baseline, tuned, train=records, task="multiple_choice"))
    assert metrics["tuned"]["accuracy"]["value"] == 5 / 8
    assert metrics["confusion"]["labels"] == ["A", "B", "C", "D"]
    assert metrics["confusion"]["baseline"][1] == [2, 0, 0, 0]
    assert metrics["groups"]["subject"]["ear"]["tuned"]["value"] == 0.5
    assert "per_class" not in metrics


def test_open_questions_have_likelihoods_only(diagnoses, predict, inputs):
    records = diagnoses(["x"] * 40)
    nll = np.random.default_rng(0).gamma(2, 2, 40)
    baseline = predict(records, nll=nll.tolist())
    tuned = predict(records, nll=(nll / 2).tolist(), model="tuned")
    metrics = score(inputs(records, baseline, tuned, train=records, task="qa", primary="bits_per_byte"))
    assert list(metrics["tuned"]) == ["loss", "perplexity", "bits_per_byte"]
    assert metrics["difference"]["bits_per_byte"]["verdict"] == "better"
    assert metrics["detectable_difference"] > 0
    assert not {"confusion", "paired", "per_class"} & metrics.keys()
    to_json(metrics)


def test_missing_likelihoods_are_null_with_a_reason(diagnoses, predict, inputs):
    records = diagnoses(["x"] * 4)
    rows = [replace(p, nll=None) for p in predict(records)]
    metrics = score(inputs(records, rows, rows, task="qa", primary="bits_per_byte"))
    assert metrics["tuned"]["loss"]["value"] is None
    assert metrics["tuned"]["loss"]["reason"]
    assert metrics["difference"]["loss"]["verdict"] == "not shown"
    to_json(metrics)


def test_an_enormous_loss_is_still_strict_json_and_divergence(answered, inputs):
    records, baseline, tuned = answered
    lost = [replace(p, nll=5000.0 * p.num_tokens) for p in tuned]
    metrics = score(inputs(records, baseline, lost))
    assert metrics["tuned"]["perplexity"]["value"] is None
    assert "diverged" in [finding.kind for finding in findings(metrics, allow_leak=False)]
    to_json(metrics)


def test_a_test_set_of_one_record_is_reported_without_intervals_it_cannot_have(diagnoses, predict, inputs):
    records = diagnoses(["flu"])
    metrics = score(
        inputs(records, predict(records, ["flu"]), predict(records, ["flu"], nll=[9.0], model="tuned"))
    )
    assert metrics["tuned"]["loss"]["low"] is None
    assert "two groups" in metrics["tuned"]["loss"]["reason"]
    to_json(metrics)


def test_shared_groups_widen_the_interval_and_name_their_methods(diagnoses, predict, inputs):
    truth = ["flu"] * 60
    decisions = ["flu"] * 30 + ["cold"] * 30
    alone = diagnoses(truth)
    grouped = diagnoses(truth, [f"document {place // 10}" for place in range(60)])
    widths = {}
    for name, records in (("alone", alone), ("grouped", grouped)):
        metrics = score(inputs(records, predict(records, decisions), predict(records, truth, model="tuned")))
        accuracy = metrics["baseline"]["accuracy"]
        widths[name] = accuracy["high"] - accuracy["low"]
        assert metrics["num_groups"] == (60 if name == "alone" else 6)
    assert metrics["difference"]["accuracy"]["test"] == "group-sign-flip"
    assert metrics["intervals"]["accuracy"] == "group-bootstrap-wilson"
    assert widths["grouped"] > 2 * widths["alone"]
    assert metrics["tuned"]["accuracy"]["low"] < 0.7  # six documents, not sixty records, were all right


def test_a_primary_that_was_not_measured_is_refused_with_a_way_out(answered, inputs):
    with pytest.raises(RecipeError, match="accuracy_generated") as caught:
        score(inputs(*answered, primary="accuracy_generated"))
    assert "evaluation.method: generate" in caught.value.remedy


def test_predictions_of_other_records_are_refused(answered, inputs):
    records, baseline, tuned = answered
    with pytest.raises(DataError):
        score(inputs(records, baseline, tuned[::-1]))
