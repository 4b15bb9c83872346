"""Page one and its sections with everything that metrics.json may hold, and without."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from huggingface_hub import ModelCard
from made_choices import choices
from made_proof import clean, proven_choices, proven_diagnosis, proven_questions
from page_reader import Reader, assert_inert

from medadapt.report.building import report_page
from medadapt.report.card import proof_card
from medadapt.report.controls_section import controls_section
from medadapt.report.forgetting_section import forgetting_section
from medadapt.report.html import render
from medadapt.report.inputs import ReportInputs
from medadapt.report.leakage_section import leakage_section
from medadapt.report.limits import limits
from medadapt.report.model_card import model_card
from medadapt.report.protocol_line import protocol_line
from medadapt.report.reporting import reporting
from medadapt.report.result_sections import groups_section, lengths_section
from medadapt.report.scoring_section import scoring_section
from medadapt.report.sections import Table, Text

Build = Callable[[], ReportInputs]
BUILDERS = [proven_diagnosis, proven_choices, proven_questions]
CHANGED = "the evaluation was changed after the training had begun"
NEW_KEYS = ("against_few_shot", "clean", "scoring_rules", "permutations", "forgetting")


def tables(section: Any) -> dict[str, Table]:
    return {block.caption: block for block in section.blocks if isinstance(block, Table)}


def with_metrics(inputs: ReportInputs, **changes: Any) -> ReportInputs:
    return dataclasses.replace(inputs, metrics={**inputs.metrics, **changes})


@pytest.mark.parametrize("build", BUILDERS)
def test_the_page_with_everything_is_inert_and_each_part_may_be_missing(build: Build) -> None:
    inputs = build()
    assert_inert(render(report_page(inputs)))
    without = {key: value for key, value in inputs.metrics.items() if key not in NEW_KEYS}
    bare = dataclasses.replace(inputs, steps=[], metrics={**without, "confusion": {}, "error_length": {}})
    assert_inert(render(report_page(bare)))


def test_the_first_lines_say_that_a_copy_does_as_well() -> None:
    text = Reader(render(report_page(proven_diagnosis()))).text
    head = text[: text.index("Both models on the same test records")]
    assert "Better than the base, with and without examples in its prompt." in head
    assert "copying the answer of the most similar training record does as well" in head
    assert "so nothing about generalisation is shown" in head


def test_the_protocol_stands_in_the_head() -> None:
    found = dict(protocol_line(proven_diagnosis()))
    digests = proven_diagnosis().metrics["protocol"]
    assert found["Test records"] == f"61, sha256 {digests['records_sha256'][:12]}"
    assert found["Prompts"] == f"chat template off, sha256 {digests['prompt_sha256'][:12]}"
    assert found["Split"] == "equal inputs kept together"
    assert found["Protocol fixed before tuning"] == f"yes, sha256 {digests['fixed_sha256'][:12]}"


@pytest.mark.parametrize(("fixed", "told"), [(True, "yes"), (False, f"no: {CHANGED}"), (None, "not known")])
def test_whether_the_protocol_was_fixed_is_told(fixed: bool | None, told: str) -> None:
    inputs = proven_choices()
    protocol = {**inputs.metrics["protocol"], "fixed_before_tuning": fixed, "fixed_sha256": None}
    assert (
        dict(protocol_line(with_metrics(inputs, protocol=protocol)))["Protocol fixed before tuning"] == told
    )


def fixed_at(inputs: ReportInputs, fixed: bool | None) -> ReportInputs:
    """The run with a protocol that was fixed before tuning, changed after, or not written down."""
    reason = {True: None, False: CHANGED, None: "no protocol was written down when the training began"}[fixed]
    found = {"fixed_before_tuning": fixed, "fixed_reason": reason}
    return with_metrics(inputs, protocol={**inputs.metrics["protocol"], **found})


def test_an_evaluation_changed_after_training_is_a_doubt_wherever_the_verdict_stands() -> None:
    inputs = fixed_at(proven_questions(), fixed=False)
    said = f"The{CHANGED[3:]}: what decides the verdicts may have been chosen with results in sight."
    card = proof_card(inputs.metrics)
    assert card.protocol is not None
    assert (card.protocol.tone, card.protocol.short) == ("warning", said)
    page = Reader(render(report_page(inputs))).text
    assert "Before you believe it: protocol not fixed before tuning" in page
    assert page.count(said) == 2  # on the card and among the limits
    assert "a margin set in the recipe, but the evaluation was changed after the training had begun." in page
    assert "beforehand" not in page
    text = model_card(inputs)
    assert said in text[text.index("## Intended use and limits") : text.index("## Results")]
    assert f"no: {CHANGED}" in text[text.index("## What is reported") :]
    assert "protocol_sha256" not in text


@pytest.mark.parametrize("verdict", ["better", "not shown", "worse"])
def test_a_changed_evaluation_is_the_first_doubt_of_any_verdict(verdict: str) -> None:
    metrics = fixed_at(proven_choices(), fixed=False).metrics
    metrics["difference"]["accuracy"]["verdict"] = verdict
    first, *others = proof_card(metrics).caveats
    assert first == "Protocol not fixed before tuning"
    assert bool(others) == (verdict == "better")


@pytest.mark.parametrize(("fixed", "margin"), [(True, "recipe beforehand."), (None, "set in the recipe.")])
def test_nothing_is_said_against_a_protocol_that_was_not_changed(fixed: bool | None, margin: str) -> None:
    inputs = fixed_at(proven_questions(), fixed)
    card = proof_card(inputs.metrics)
    assert card.protocol is None
    assert card.caveats == ()
    assert margin in Reader(render(report_page(inputs))).text
    assert ("protocol_sha256" in model_card(inputs)) == (fixed is True)


def test_written_answers_are_told_with_their_decoding() -> None:
    asked = dict(protocol_line(proven_questions()))["Asked for"]
    assert asked == "likelihood of the reference answer and written answers (greedy decoding)"


def test_secondary_metrics_show_their_adjusted_p() -> None:
    inputs = proven_choices()
    rows = {row.key: row for row in proof_card(inputs.metrics).rows}
    assert inputs.metrics["difference"]["loss"]["p"] == 0.9
    assert rows["loss"].p == "1.00"
    assert rows["accuracy"].p == "0.63"
    text = Reader(render(report_page(inputs))).text
    assert "adjusted for 1 metric (Holm)" in text


def test_every_control_has_its_values_or_a_reason() -> None:
    section = controls_section(proven_diagnosis())
    assert section is not None
    (table,) = [t for caption, t in tables(section).items() if caption.startswith("Both models")]
    rows = {row[0]: row[1] for row in table.rows}
    assert rows["Word counts (TF-IDF)"].startswith("100.0%")
    assert rows["Base with examples"].startswith("36.1%")
    (note,) = [block.text for block in section.blocks if isinstance(block, Text)]
    assert note == (
        "Not measured: longest option (a diagnosis has no options); tuned, question hidden (a diagnosis has no "
        "options)."
    )


def test_the_clean_subset_stands_beside_the_whole() -> None:
    inputs = proven_diagnosis()
    section = leakage_section(inputs)
    assert section is not None
    found = tables(section)
    layers = {row[0]: row[1] for row in found["Test records that overlap with train or validation"].rows}
    assert layers["nearly the same input"] == "28"
    assert layers["half or more of the question word for word"] == "4"
    accuracy = found["On the 56 clean test records (95% intervals)"].rows[0]
    assert accuracy[0] == "Accuracy"
    assert accuracy[3].startswith(f"{accuracy[4]} (+")  # the fixture's subset has the values of the whole


@pytest.mark.parametrize(
    ("change", "tone", "title"),
    [
        ({}, "warning", "Not shown on clean records"),
        ({"verdict": "better"}, "good", "Also better on clean records"),
        ({"verdict": "worse"}, "bad", "Worse on clean records"),
    ],
)
def test_the_clean_verdict_is_judged(change: dict[str, str], tone: str, title: str) -> None:
    inputs = proven_diagnosis()
    card = proof_card(with_metrics(inputs, clean=clean(inputs, **change)).metrics)
    assert card.clean is not None
    assert (card.clean.tone, card.clean.title) == (tone, title)
    assert (title in card.caveats) == (tone != "good")


def test_better_on_clean_records_alone_is_not_told_as_better_there_too() -> None:
    inputs = proven_diagnosis()
    primary = inputs.metrics["primary"]
    whole = {
        **inputs.metrics["difference"],
        primary: {**inputs.metrics["difference"][primary], "verdict": "not shown"},
    }
    metrics = with_metrics(inputs, clean=clean(inputs, verdict="better"), difference=whole).metrics
    card = proof_card(metrics)
    assert card.clean is not None
    assert card.clean.title == "Better on clean records"


def test_a_clean_subset_that_is_everything_or_too_small_says_so() -> None:
    inputs = proven_diagnosis()
    n = inputs.metrics["n"]
    whole = proof_card(with_metrics(inputs, clean={**clean(inputs), "n": n}).metrics).clean
    none = {
        "n": 0,
        "left_out": {"near": n},
        "baseline": {},
        "tuned": {},
        "difference": {},
        "reason": "no record is left",
    }
    empty = proof_card(with_metrics(inputs, clean=none).metrics).clean
    assert whole is not None
    assert whole.title == "Nothing to leave out"
    assert empty is not None
    assert empty.text == f"Without {n} overlapping test records 0 remain. No record is left."
    unknown = proof_card(
        with_metrics(inputs, clean={**none, "n": None, "reason": "not recorded"}).metrics
    ).clean
    assert unknown is not None
    assert unknown.text == "Not recorded."


def test_the_boilerplate_of_open_answers_is_told_in_words() -> None:
    inputs = proven_questions()
    assert (
        "47.0% of the words of the test answers stand word for word" in proof_card(inputs.metrics).boilerplate
    )
    text = Reader(render(report_page(inputs))).text
    assert "stands in 112 training answers and 9 test answers: “talk to your doctor" in text
    assert proof_card(proven_choices().metrics).boilerplate == ""


def test_ways_of_scoring_and_orders_of_options_are_tables() -> None:
    rules = scoring_section(proven_diagnosis())
    orders = scoring_section(proven_choices())
    assert rules is not None
    assert orders is not None
    (table,) = tables(rules).values()
    assert table.rows[0][0] == "likelihood of the whole answer"
    assert len(table.rows) == 4
    (moved,) = tables(orders).values()
    assert moved.caption == "The options in 4 orders"
    assert moved.rows[0][1].startswith("66.7%")


@pytest.mark.parametrize(
    ("primary", "said"), [("accuracy", []), ("accuracy_generated", ["those of the written answers."])]
)
def test_errors_by_length_say_where_they_are_those_of_written_answers(primary: str, said: list[str]) -> None:
    lengths = proven_questions().metrics["error_length"]
    section = lengths_section(with_metrics(proven_choices(), primary=primary, error_length=lengths))
    assert section is not None
    texts = [block.text for block in section.blocks if isinstance(block, Text)]
    assert [text.removeprefix("Right and wrong are ") for text in texts] == said


@pytest.mark.parametrize(
    ("primary", "said"),
    [
        (
            "accuracy",
            "Only the way that the recipe names carries the verdict; the p-values of the others are",
        ),
        (
            "macro_f1",
            "The verdict is that of another metric (Macro F1); the p-values of all ways are corrected",
        ),
    ],
)
def test_which_way_of_choosing_carries_the_verdict_is_told(primary: str, said: str) -> None:
    section = scoring_section(with_metrics(proven_diagnosis(), primary=primary))
    assert section is not None
    assert any(block.text.startswith(said) for block in section.blocks if isinstance(block, Text))


def test_a_rule_whose_choices_were_not_looked_for_has_a_reason_and_no_verdict() -> None:
    inputs = proven_diagnosis()
    inputs.metrics["scoring_rules"]["relative"] = {"reason": "nobody looked"}
    section = scoring_section(inputs)
    assert section is not None
    (table,) = tables(section).values()
    assert len(table.rows) == 3
    (told,) = [block.text for block in section.blocks if isinstance(block, Text) and "nobody" in block.text]
    assert told == "Not by likelihood relative to the answer without the question: nobody looked."


def test_limits_tell_what_was_not_measured() -> None:
    told = " ".join(limits(proven_choices()))
    assert "Whether the model lost other abilities was not measured." in told
    assert "How far the model's probabilities can be trusted was not measured (not measured)." in told
    assert "one order only" not in told
    measured = " ".join(limits(proven_questions()))
    assert "lost other abilities" not in measured


@pytest.mark.parametrize(
    ("by", "rule", "dropped", "told"),
    [
        ("explanation_length", "near", {"over_limit": 900}, True),
        ("explanation_length", "near", {}, False),
        ("explanation_length", "ready-made", {"over_limit": 900}, False),
        ("random", "near", {"over_limit": 900}, False),
    ],
)
def test_a_choice_of_the_longest_explanations_is_a_limit_where_it_chose_the_test_records(
    by: str, rule: str, dropped: dict[str, int], told: bool
) -> None:
    inputs = choices()
    limited = dataclasses.replace(
        inputs,
        recipe={**inputs.recipe, "data": {**inputs.recipe["data"], "limit": {"rows": 1200, "by": by}}},
        data={**inputs.data, "group_rule": rule, "dropped": dropped},
    )
    said = "Only the records with the longest explanations were kept"
    assert (said in Reader(render(report_page(limited))).text) is told
    assert (said in model_card(limited).partition("## Results")[0]) is told


def test_what_the_base_was_trained_on_is_a_limit_of_every_run_but_a_smoke_run() -> None:
    inputs = choices()
    smoke = dataclasses.replace(inputs, run={**inputs.run, "smoke": True})
    said = "What the base model itself was trained on was not checked"
    assert any(said in line for line in limits(inputs))
    assert not any(said in line for line in limits(smoke))


def test_options_that_are_hidden_stand_in_no_order() -> None:
    """Nothing is said of their order: not as a limit, not as something left undone, not among the ways of scoring."""
    inputs = choices()
    inputs.metrics["permutations"] = {"reason": "options were asked in one order only"}
    hidden = dataclasses.replace(inputs, recipe={**inputs.recipe, "prompt": {"options": False}})
    state = {item: (state, why) for item, state, why in reporting(hidden)}["Order of the options changed"]
    assert state == ("not applicable", "the prompt shows no options")
    assert any("one order only" in line for line in limits(inputs))
    assert not any("one order only" in line for line in limits(hidden))
    assert scoring_section(inputs) is not None
    assert scoring_section(hidden) is None


def test_each_item_is_where_the_card_says_that_it_is() -> None:
    inputs = proven_choices()
    text = model_card(inputs)
    parts = {part.partition("\n")[0]: part for part in text.split("\n## ")}
    places = {item: where for item, state, where in reporting(inputs) if state == "reported"}
    marks = {
        "Split and what was kept together": "| Split | equal inputs kept together |",
        "Device and time": "| Time in steps | 12.6 s, 1,333 tokens/s |",
        "Order of the options changed": "in 4 orders, the base model changes its choice in 66.7% (57.8 to 74.5%)",
    }
    for item, mark in marks.items():
        assert mark in parts[places[item]], item
    assert places["Results by subject or question type"] == "the run's report (index.html)"
    assert groups_section(inputs) is not None


def test_the_size_of_the_test_set_is_told_in_whole_points_with_what_it_rests_on() -> None:
    inputs = with_metrics(choices(), detectable_difference=1.0, detectable_reason="nothing was seen")
    told = {item: why for item, _, why in reporting(inputs)}["Size of the test set, and what it can show"]
    assert told == (
        "120 test records; a true difference of about 100 points (nothing was seen) is shown in 80% of such test sets"
    )


def test_the_model_card_names_controls_clean_subset_and_protocol_and_the_hub_reads_it() -> None:
    inputs = proven_diagnosis()
    text = model_card(inputs)
    for part in (
        "so nothing about generalisation is shown",
        "Beats the base with examples",
        "Not shown on clean records",
        "| Word counts (TF\\-IDF) |".replace("\\", ""),
        "Expected calibration error",
        "adjusted for 4 metrics (Holm)",
        "## What is reported",
        "not applicable | no trial",
    ):
        assert part in text, part
    first, *_ = ModelCard(text).data.eval_results or []
    args = first.metric_args
    assert args["protocol_sha256"] == inputs.metrics["protocol"]["fixed_sha256"]
    assert args["best_control"] == "tfidf"
    difference = inputs.metrics["difference"]["accuracy"]
    assert args["difference_interval"] == [difference["low"], difference["high"]]


def test_the_metadata_comes_back_from_the_hubs_own_types_unchanged() -> None:
    card = ModelCard(model_card(proven_diagnosis()))
    again = ModelCard(f"---\n{card.data.to_yaml()}\n---\n{card.text}")
    assert again.data.to_dict() == card.data.to_dict()
    assert card.data.eval_results


def test_forgetting_stands_in_the_model_card() -> None:
    text = model_card(proven_questions())
    row = "| running text | 40 | 3.100 (3.000 to 3.200) | 3.400 (3.300 to 3.500) | +0.300 (+0.200 to +0.400) | worse |"
    assert row in text
    assert "| rise (90% interval) | verdict |" in text
    assert (
        "Loss on general English, nats per token (95% intervals). Kept: the upper end of the rise's interval lies "
        "below 0.05." in text
    )


def test_the_rise_on_general_english_names_its_own_level_on_the_page() -> None:
    section = forgetting_section(proven_questions())
    assert section is not None
    (table,) = tables(section).values()
    assert table.caption == "Loss on general English, nats per token (95% intervals)"
    assert table.columns[4] == "rise (90% interval)"


def test_what_is_reported_follows_what_is_there() -> None:
    whole, bare = proven_diagnosis(), proven_diagnosis()
    bare = dataclasses.replace(bare, metrics=copy.deepcopy(bare.metrics))
    for key in ("clean", "against_few_shot", "calibration"):
        bare.metrics[key] = {"reason": "left out for a test."}
    bare.metrics["against_control"] = {"name": None, "value": None, "reason": "left out for a test."}
    states = {item: state for item, state, _ in reporting(whole)}
    without = {item: (state, why) for item, state, why in reporting(bare)}
    for item in (
        "Simple controls",
        "Result without overlapping records",
        "Base with examples in its prompt",
        "Calibration",
    ):
        assert states[item] == "reported"
        assert without[item] == ("not reported", "left out for a test")
    assert states["Ethical approval and consent"] == "not applicable"
    assert {"Order of the options changed"} & set(states) == set()
