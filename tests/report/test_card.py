"""The proof card says what metrics.json says."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from made_parts import change, wilson

from medadapt.report import wording
from medadapt.report.card import proof_card
from medadapt.report.inputs import ReportInputs

Build = Callable[..., ReportInputs]
NEEDED = {"task", "primary", "n", "alpha", "baseline", "tuned", "difference"}


def test_a_gain_is_told_with_both_values_and_its_interval(diagnosis_inputs: Build) -> None:
    card = proof_card(diagnosis_inputs().metrics)
    assert card.verdict == "better"
    assert "tuned model is right in 70.5%, the base model in 13.1%" in card.sentence
    assert "+57.4 points (95% interval +45.4 to +69.4 points, p < 0.001)" in card.sentence
    assert card.rows[0].primary
    assert card.rows[0].key == "accuracy"


def test_a_gain_below_a_lookup_carries_its_doubts(diagnosis_inputs: Build) -> None:
    card = proof_card(diagnosis_inputs().metrics)
    assert card.control.tone == "bad"
    assert "100.0%" in card.control.text
    assert card.caveats == ("Worse than a simple control", "Near twins in the training data")


def test_each_row_shows_the_p_that_its_verdict_rests_on(diagnosis_inputs: Build) -> None:
    metrics = diagnosis_inputs().metrics
    metrics["difference"]["accuracy"] |= {"p": 0.012, "p_adjusted": None}
    metrics["difference"]["loss"] |= {"p": 0.02, "p_adjusted": 0.08}
    shown = {row.key: row.p for row in proof_card(metrics).rows}
    assert shown["accuracy"] == wording.p_value(0.012)
    assert shown["loss"] == wording.p_value(0.08)


def test_sentences_tell_the_p_that_the_verdict_rests_on_and_that_it_is_adjusted(
    diagnosis_inputs: Build,
) -> None:
    metrics = diagnosis_inputs().metrics
    metrics["against_control"] |= {"p": 0.02, "p_adjusted": 0.12, "verdict": "not shown"}
    card = proof_card(metrics)
    assert "p = 0.12 adjusted for the number of controls)." in card.control.text
    assert "p = 0.12 adjusted for the number of controls) against" in card.control.short
    assert "0.020" not in card.control.text + card.control.short
    assert "adjusted" not in card.sentence
    metrics["difference"]["accuracy"] |= {"p": 1e-6, "p_adjusted": 1e-5}
    assert "p < 0.001 adjusted for the number of metrics)." in proof_card(metrics).sentence


@pytest.mark.parametrize(
    ("control", "said"),
    [
        (
            "nearest_neighbour",
            "Copying the answer of the most similar training record reaches an accuracy of written answers of 50.0% "
            "(41.2 to 58.8%). Tuned model against it: +6.7 points (95% interval −3.3 to +16.7 points, p = 0.18). The "
            "score does not show that the model learned more than that.",
        ),
        (
            "options_only",
            "The tuned model that sees the options but not the question reaches an accuracy of written answers of "
            "50.0% (41.2 to 58.8%). Tuned model against it: +6.7 points (95% interval −3.3 to +16.7 points, p = 0.18). "
            "The score does not show that the model learned more than that.",
        ),
    ],
)
def test_a_run_judged_by_written_answers_meets_its_controls_by_them(
    choice_inputs: Build, control: str, said: str
) -> None:
    metrics = written_choices(choice_inputs().metrics, control)
    card = proof_card(metrics)
    assert card.control.text == said
    assert card.control.short == (
        f"+6.7 points (95% interval −3.3 to +16.7 points, p = 0.18) against {wording.control_inside(control)}."
    )
    assert card.primary == "Accuracy of written answers"
    assert card.sentence == (
        "Accuracy of written answers: 56.7% for the tuned model, 30.0% for the base model on the same 120 test "
        "records: +26.7 points (95% interval +16.7 to +36.7 points, p < 0.001)."
    )
    assert card.headline.startswith("Better than the base. But ")
    assert " by Accuracy" not in card.headline  # the metric is named where it is another than the primary
    assert "may score as well" in card.headline
    assert card.paired_by == ", by the likeliest answer"
    assert proof_card(metrics | {"primary": "accuracy"}).paired_by == ""
    assert {bar.name: bar.text for bar in card.bars}[wording.control_name(control)] == "50.0% (41.2 to 58.8%)"


def written_choices(metrics: dict[str, Any], control: str) -> dict[str, Any]:
    """Questions judged by what the models wrote; the control is right on half of them, the tuned model on 68."""
    n, key = metrics["n"], "accuracy_generated"
    against = {"name": control, "metric": key, **change(8 / n, 0.1, 0.18, "mcnemar-exact", "not shown")}
    return metrics | {
        "primary": key,
        "baseline": metrics["baseline"] | {key: wilson(36, n)},
        "tuned": metrics["tuned"] | {key: wilson(68, n)},
        "difference": metrics["difference"] | {key: change(32 / n, 0.1, 1e-6, "mcnemar-exact", "better")},
        "controls": {
            "majority": {"accuracy": wilson(34, n), key: wilson(34, n)},
            control: {"accuracy": wilson(31, n), key: wilson(60, n)},
        },
        "against_control": against,
    }


def test_no_proof_is_told_as_no_proof_with_what_could_be_seen(choice_inputs: Build) -> None:
    card = proof_card(choice_inputs().metrics)
    assert card.verdict == "not shown"
    assert "cannot tell the two models apart" in card.sentence
    assert card.sentence.endswith(
        "That is no proof that they are equal. A true difference of about 16 points is shown in 80% of such test sets."
    )


def test_what_the_smallest_visible_difference_rests_on_is_told(choice_inputs: Build) -> None:
    metrics = choice_inputs().metrics
    metrics["detectable_reason"] = "no disagreement was seen; 20% of the records are assumed"
    assert "about 16 points (no disagreement was seen; 20% of" in proof_card(metrics).sentence
    metrics |= {"detectable_difference": None, "detectable_reason": "the difference shows no spread"}
    assert "is not known: the difference shows no spread." in proof_card(metrics).sentence


@pytest.mark.parametrize(("truncated", "tone"), [(0.049, "plain"), (0.05, "warning"), (1.0, "warning")])
def test_a_high_share_of_shortened_texts_is_a_warning(qa_inputs: Build, truncated: float, tone: str) -> None:
    metrics = qa_inputs().metrics
    metrics["rates"] = {"baseline": {"truncated": 0.0}, "tuned": {"truncated": truncated}}
    assert proof_card(metrics).rates_tone == tone


@pytest.mark.parametrize("rate", ["unparsed", "empty"])
@pytest.mark.parametrize(
    ("primary", "tone"), [("accuracy", "plain"), ("accuracy_generated", "warning"), ("token_f1", "warning")]
)
def test_missing_written_answers_are_a_warning_where_the_verdict_rests_on_them(
    primary: str, rate: str, tone: str, choice_inputs: Build
) -> None:
    metrics = written_choices(choice_inputs().metrics, "nearest_neighbour") | {"primary": primary}
    metrics["rates"] = {"baseline": {rate: 1.0}, "tuned": {rate: 0.0}}
    assert proof_card(metrics).rates_tone == tone


def test_text_metrics_are_known_as_comparisons_of_written_answers(dialogue_inputs: Build) -> None:
    written = {row.key for row in proof_card(dialogue_inputs().metrics).rows if row.written}
    assert written == {"rouge1", "rouge2", "rougeL", "bleu", "chrf", "token_f1", "fuzzy", "similarity"}


def test_near_copies_of_a_split_that_did_not_keep_them_together_are_no_leak(dialogue_inputs: Build) -> None:
    judged = proof_card(dialogue_inputs().metrics).leakage
    assert judged.tone == "warning"
    assert "did not keep such near copies on one side" in judged.text


def test_harm_is_told_as_harm(choice_inputs: Build) -> None:
    metrics = choice_inputs().metrics
    metrics["difference"]["accuracy"]["verdict"] = "worse"
    assert proof_card(metrics).sentence.endswith("Do not use this adapter.")


def test_a_leak_that_the_gate_covers_is_bad_and_near_twins_by_nature_are_a_warning(
    diagnosis_inputs: Build, choice_inputs: Build
) -> None:
    assert proof_card(choice_inputs().metrics).leakage.tone == "bad"
    twins = proof_card(diagnosis_inputs().metrics).leakage
    assert twins.tone == "warning"
    assert "28 of 61 test records (45.9%) are at least 80% like" in twins.text


@pytest.mark.parametrize(
    ("exact", "near", "said"),
    [
        (0, 28, "none stand word for word in the data seen, 28 nearly so."),
        (3, 5, "3 stand word for word in the data seen, 2 more nearly so."),
        (3, 3, "3 stand word for word in the data seen, none nearly so."),
        (3, None, "3 stand word for word in the data seen, – nearly so."),
    ],
)
def test_exact_copies_are_not_counted_among_the_near_ones_again(
    exact: int, near: int | None, said: str, choice_inputs: Build
) -> None:
    metrics = choice_inputs().metrics | {"leakage": {"exact": exact, "near": near}}
    assert proof_card(metrics).leakage.short == f"Of 120 test records {said}"


@pytest.mark.parametrize(
    ("start", "tone", "told"),
    [
        ({"known": True, "count": 0, "exact": 0, "near": 0}, "good", None),
        (
            {"known": True, "count": 5, "exact": 0, "near": 5},
            "warning",
            "5 of 120 test records (4.2%) are nearly",
        ),
        (
            {"known": True, "count": 3, "exact": 0, "near": 0},
            "warning",
            "3 of 120 test records (2.5%) overlap in part",
        ),
        (
            {"known": False, "count": None},
            "warning",
            "the adapter that training started from was trained on is not known",
        ),
        (
            {"known": False, "count": 1, "exact": 1},
            "bad",
            "1 of 120 test records (0.8%) also occur word for word",
        ),
    ],
)
def test_what_the_start_adapter_was_trained_on_counts_as_seen(
    choice_inputs: Build, start: dict[str, Any], tone: str, told: str | None
) -> None:
    clean = {"exact": 0, "near": 0, "gated": ["exact"]}
    judged = proof_card(choice_inputs().metrics | {"leakage": clean | {"start_adapter": start}}).leakage
    assert judged.tone == tone
    for text in (judged.text, judged.short):
        assert (told in text) if told else ("started from" not in text)


def test_findings_keep_their_problem_and_say_whether_a_gate_failed(choice_inputs: Build) -> None:
    (finding,) = proof_card(choice_inputs().metrics).findings
    assert finding.failed
    assert finding.problem == "2 test records also occur in train or validation."


def test_open_questions_without_written_answers_have_no_control_and_say_so(qa_inputs: Build) -> None:
    card = proof_card(qa_inputs().metrics)
    assert card.lower_is_better
    assert card.control.tone == "plain"
    assert card.control.text == "The tuned model wrote no answers to hold against those of a control."
    assert card.paired is None
    assert "Bits per byte, lower is better: 0.840 for the tuned model" in card.sentence


def test_open_answers_no_better_than_copied_ones_are_a_doubt(dialogue_inputs: Build) -> None:
    metrics = dialogue_inputs().metrics
    metrics["difference"]["bits_per_byte"]["verdict"] = "better"
    card = proof_card(metrics)
    assert card.control.title in card.caveats
    assert card.control.text == (
        "Copying the answer of the most similar training record reaches a token F1 of 0.225 (0.212 to 0.238). "
        "Tuned model against it: +0.025 (95% interval −0.015 to +0.065, p = 0.21). "
        "The score does not show that the model learned more than that. "
        "Token F1 counts words in common with the reference, not whether medicine agrees."
    )


@pytest.mark.parametrize(
    ("verdict", "tone", "part"),
    [("better", "good", "Copying the answer"), ("worse", "bad", "A lookup would serve better")],
)
def test_a_copied_answer_beaten_or_not_is_told_in_token_f1(
    dialogue_inputs: Build, verdict: str, tone: str, part: str
) -> None:
    metrics = dialogue_inputs().metrics
    metrics["against_control"]["verdict"] = verdict
    control = proof_card(metrics).control
    assert control.tone == tone
    assert part in control.text
    assert "a token F1 of 0.225" in control.text
    assert "not whether medicine agrees" in control.text


def test_a_control_without_the_primary_metric_has_no_bar(dialogue_inputs: Build) -> None:
    assert [bar.role for bar in proof_card(dialogue_inputs().metrics).bars] == ["baseline", "tuned"]


def test_bars_lie_on_one_scale(diagnosis_inputs: Build) -> None:
    bars = {bar.name: bar for bar in proof_card(diagnosis_inputs().metrics).bars}
    assert bars["Nearest training record"].value == 100
    assert bars["Tuned model"].value == pytest.approx(70.49, abs=0.01)
    assert all(0 <= end <= 100 for bar in bars.values() for end in (bar.low, bar.high) if end is not None)


def test_equal_models_give_a_difference_of_zero(choice_inputs: Build) -> None:
    metrics = choice_inputs().metrics
    metrics["difference"]["accuracy"] |= {"value": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    row = proof_card(metrics).rows[0]
    assert (row.difference, row.difference_interval, row.p) == ("0 points", "0 to 0 points", "1.00")


def test_every_key_that_may_be_missing_may_be_missing(inputs: ReportInputs) -> None:
    whole = proof_card(inputs.metrics)
    for key in set(inputs.metrics) - NEEDED:
        without = proof_card({name: value for name, value in inputs.metrics.items() if name != key})
        empty = proof_card({**inputs.metrics, key: None})
        assert without.notice == empty.notice == whole.notice
        assert without.rows[0].name == empty.rows[0].name == whole.rows[0].name


def test_values_that_could_not_be_computed_are_dashes_and_reasons(inputs: ReportInputs) -> None:
    metrics = _emptied(copy.deepcopy(inputs.metrics))
    card = proof_card(metrics)
    assert card.sentence == "Too few records."
    assert {row.tuned for row in card.rows} == {"–"}
    assert card.bars == ()


def _emptied(value: Any) -> Any:
    """Every estimate and difference without its numbers, with a reason."""
    if isinstance(value, dict):
        if {"value", "low", "high"} <= set(value):
            return {**value, "value": None, "low": None, "high": None, "p": None, "reason": "too few records"}
        return {key: _emptied(part) for key, part in value.items()}
    return value


def test_records_of_which_parts_stand_in_the_training_data_are_not_told_as_free_of_leakage(
    choice_inputs: Build,
) -> None:
    metrics = choice_inputs().metrics
    contained = {"question_containment": {"count": 7}}
    for counts, tone in (({}, "good"), (contained, "warning")):
        judged = proof_card({**metrics, "leakage": {"exact": 0, "near": 0, **counts}}).leakage
        assert judged.tone == tone
    assert judged.title == "Parts of test records stand in the training data"
    assert "Half or more of the question in 7 of" in judged.short


def test_shares_that_only_round_to_nothing_are_among_those_that_went_missing(qa_inputs: Build) -> None:
    metrics = qa_inputs().metrics
    metrics["rates"] = {
        "baseline": {"truncated": 0.0, "empty": 0.0},
        "tuned": {"truncated": 0.0, "empty": 1 / 2500},
    }
    card = proof_card(metrics)
    assert card.missed == (("Nothing written", "0.0%", "< 0.1%"),)
    assert len(card.rates) == 2
